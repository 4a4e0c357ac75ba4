"""The runs of a comparison: their names, summaries and settings, and what measures them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from wsal.errors import MissingArtifactError
from wsal.inspection.paired import Measured, measured
from wsal.inspection.run_view import RunView
from wsal.inspection.varied import is_seed, varied
from wsal.report import headline


@dataclass(frozen=True)
class ComparedRun:
    """A finished run, by the name that it has in the comparison."""

    name: str
    view: RunView
    summary: Mapping[str, Any]

    @cached_property
    def measured(self) -> Measured | None:
        """What measures its newest classifier; None if nothing does, or artifacts are missing."""
        try:
            return measured(self.view)
        except MissingArtifactError:
            return None

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """For each classifier its labels, both metrics with 90% intervals, and what was paid.

        They are measured on the evaluation sample or the dev split, without either on the test
        split; then they have no intervals. Metrics are None where nothing measures.
        """
        rounds = [dict(of_round) for of_round in self.summary["rounds"]]
        assessed = self.view.of_rounds("assess")
        if not assessed or not assessed[-1].facts["measured_on"]:
            return [_measured_on_test(of_round) for of_round in rounds]
        facts = assessed[-1].facts
        for of_round, judged in zip(rounds, facts["rounds"], strict=False):
            for metric in ("macro_f1", "accuracy"):
                of_round[metric] = {key: judged[metric][key] for key in ("value", "low", "high")}
            of_round["measured_on"] = facts["measured_on"]
        return [r for r in rounds if "measured_on" in r]

    @property
    def test(self) -> dict[str, Any] | None:
        """Both metrics of the newest classifier on the test split, with 90% intervals, or None."""
        try:
            return self.view.once(headline.test_quality)
        except MissingArtifactError:
            return None


def names_of(folders: Sequence[Path]) -> list[str]:
    """A short name for each run: its folder, with those above it where names would be the same.

    >>> names_of([Path("runs/a/x"), Path("runs/a/y")]), names_of([Path("runs/a"), Path("old/a")])
    (['x', 'y'], ['runs/a', 'old/a'])
    """
    parts = [folder.parts for folder in folders]
    deepest = max(map(len, parts), default=1)
    names = [folder.name for folder in folders]
    for n in range(1, deepest + 1):
        names = ["/".join(part[-n:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def settings_of(runs: Sequence[ComparedRun]) -> dict[str, list[Any]]:
    """The settings in which the runs differ, with the value of each run; seeds come last."""
    columns = varied([run.view.config for run in runs])
    return dict(sorted(columns.items(), key=lambda item: is_seed(item[0])))


def groups_of(runs: Sequence[ComparedRun]) -> dict[str, list[ComparedRun]]:
    """Runs that differ only in seeds, by the settings that they have in common, in words."""
    columns = {key: of for key, of in settings_of(runs).items() if not is_seed(key)}
    groups = dict[str, list[ComparedRun]]()
    for at, run in enumerate(runs):
        name = ", ".join(f"{key}={column[at]}" for key, column in columns.items())
        groups.setdefault(name or "all runs", []).append(run)
    return groups


def _measured_on_test(of_round: dict[str, Any]) -> dict[str, Any]:
    """A round of summary.json, whose metrics are plain numbers."""
    metrics = {
        metric: None if of_round[metric] is None else {"value": of_round[metric]}
        for metric in ("macro_f1", "accuracy")
    }
    on = of_round.get("measured_on") or ("the test split" if metrics["accuracy"] else None)
    return of_round | metrics | {"measured_on": on}
