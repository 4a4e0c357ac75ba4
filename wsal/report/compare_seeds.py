"""Runs that differ only in seeds, together: mean and spread, and the difference from the first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from wsal.inspection.varied import is_seed, varied
from wsal.report.compare_runs import ComparedRun, groups_of
from wsal.report.section import Section
from wsal.report.words import METRICS
from wsal.rounds.assessment import LEVEL


def seeds_section(runs: Sequence[ComparedRun]) -> Section | None:
    """A row for each group of runs; None if no two runs differ only in seeds."""
    groups = groups_of([run for run in runs if _quality(run)])
    if not any(len(group) > 1 for group in groups.values()):
        return None
    first, rows = next(iter(groups.values())), []
    for name, group in groups.items():
        row: dict[str, Any] = {"group": name, "n": len(group), "runs": [run.name for run in group]}
        for metric in METRICS:
            row[metric] = _spread([_quality(run)[metric]["value"] for run in group])
            row[f"{metric}_difference"] = None if group is first else _paired(first, group, metric)
        rows.append(row)
    figures = {"level": LEVEL, "first": rows[0]["group"], "several": len(rows) > 1, "rows": rows}
    return Section("compare_seeds", "Seeds", figures)


def _quality(run: ComparedRun) -> dict[str, Any]:
    """The last round of a run, if something measures it."""
    last = run.rounds[-1] if run.rounds else {}
    return last if last.get("macro_f1") else {}


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, least and greatest value, and the standard deviation over seeds."""
    deviation = round(float(np.std(values, ddof=1)), 6) if len(values) > 1 else None
    numbers = {"mean": np.mean(values), "least": np.min(values), "most": np.max(values)}
    return {key: round(float(n), 6) for key, n in numbers.items()} | {"deviation": deviation}


def _paired(
    first: Sequence[ComparedRun], second: Sequence[ComparedRun], metric: str
) -> dict[str, float] | None:
    """The mean difference over the seeds that both groups have, with Student's interval.

    None if they share fewer than two seeds.
    """
    before, after = (_by_seed(group, metric) for group in (first, second))
    shared = [seed for seed in before if seed in after]
    if len(shared) < 2:
        return None
    differences = np.array([after[seed] - before[seed] for seed in shared])
    error = differences.std(ddof=1) / np.sqrt(len(shared))
    radius = float(stdtrit(len(shared) - 1, 0.5 + LEVEL / 2)) * error
    value = float(differences.mean())
    ends = {"value": value, "low": max(value - radius, -1), "high": min(value + radius, 1)}
    return {key: round(float(end), 6) for key, end in ends.items()} | {"n": len(shared)}


def _by_seed(runs: Sequence[ComparedRun], metric: str) -> Mapping[tuple[Any, ...], float]:
    """The metric by all seeds of the configuration."""
    return {_seeds(run.view.config): _quality(run)[metric]["value"] for run in runs}


def _seeds(config: Mapping[str, Any]) -> tuple[Any, ...]:
    both = varied([config, {}])
    return tuple(column[0] for key, column in sorted(both.items()) if is_seed(key))
