"""Show which stages of a run are done, stale, missing or damaged, and why.

Without a run, show all runs. A stage is stale if the next command would run it again.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from wsal.active.stopping import stop_verdicts
from wsal.annotation.handed_out import is_corrected, is_work_of_people
from wsal.artifacts import Artifact, Facts
from wsal.components import Components
from wsal.config.composed import NUMBERS, parts_of
from wsal.contents import edited
from wsal.digests import MANIFEST
from wsal.errors import ConfigError, MissingArtifactError, WsalError
from wsal.launch.shards import sealed_shards
from wsal.run import stage_lines
from wsal.run.basis import bases_of, basis, basis_of, is_kept
from wsal.run.changes import with_changes
from wsal.run.folders import RUNS, known_runs, no_runs, run_folder
from wsal.run.pipeline import folder, is_finished, origin_of
from wsal.run.stage_table import BEFORE_ROUNDS, CHANGES, CONFIG, ROUND_STAGES, STAGES, names_used
from wsal.run.vote_report import console

REWRITE = "run this run's command again to rewrite it"
UNREADABLE = (WsalError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)


@dataclass(frozen=True)
class Row:
    """One stage of a run."""

    title: str
    state: str
    """done, kept (people's answers, though an input changed, or made before records were appended
    or classes renamed), stale, unfinished, missing, damaged, input missing, unchecked (it depends
    on code that is not trusted), not needed."""
    seconds: str = ""
    details: str = ""


@dataclass
class Run:
    """A run whose stages are being checked, in their order."""

    path: Path
    parts: Components
    problems: Mapping[str, WsalError]
    """Components of the configuration that cannot be built, and why."""
    current: dict[Path, str] = field(default_factory=dict)
    """Artifact that the next command would keep -> done, kept or unchecked."""
    bases: dict[Path, str] = field(default_factory=dict)
    """Artifact -> the basis that it will have after the next command."""
    verdicts: dict[int, str] = field(default_factory=dict)
    """Round -> the value of each stop rule after it."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal status`."""
    runs = "a run's name or folder; may be several (default: all runs)"
    parser.add_argument("run", nargs="*", help=runs)
    trusted = "a module of your own with rules; may be given several times"
    parser.add_argument("--trusted", action="append", default=[], metavar="MODULE", help=trusted)


def run(options: argparse.Namespace) -> None:
    """Print a table for each run.

    Raises:
        MissingArtifactError: there are no runs.
        ConfigError: the configuration of a run is damaged; after the tables of the others.
    """
    run_dirs = [run_folder(name) for name in options.run]
    run_dirs = run_dirs or [RUNS / name for name in known_runs()]
    if not run_dirs:
        raise MissingArtifactError(no_runs())
    trusted = options.trusted
    if trusted and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    damaged: list[WsalError] = []
    for run_dir in run_dirs:
        try:
            rows = states(run_dir, trusted)
        except WsalError as error:
            damaged.append(error)
            continue
        table = Table(title=escape(str(run_dir)), title_justify="left")
        for name in ("stage", "state", "seconds", "details"):
            justify: Any = "right" if name == "seconds" else "left"
            table.add_column(name, justify=justify, overflow="fold")
        for row in rows:
            table.add_row(row.title, row.state, row.seconds, escape(row.details))
        console().print(table)
    if damaged:
        raise ConfigError.of(damaged)


def states(run_dir: Path, trusted: Sequence[str] = ()) -> list[Row]:
    """A row for each stage that the run's last configuration asks for.

    A stage is stale if the next command would run it again: one of its inputs is stale, or its
    configuration, a file or code that it depends on has changed.

    Raises:
        ConfigError: the run's configuration is damaged.
    """
    run = opened_run(run_dir, trusted)
    planned, stopped = _planned(run), _stopped(run)
    n_rounds = min(planned, stopped[0]) if stopped else planned
    plan = [(name, 0) for name in names_used(BEFORE_ROUNDS, run.parts.built)]
    plan += [(name, number) for number in range(1, n_rounds + 1) for name in ROUND_STAGES]
    rows = [_row(run, name, number) for name, number in plan]
    if stopped and n_rounds < planned:
        rounds = f"{n_rounds + 1} to {planned}" if n_rounds + 1 < planned else str(planned)
        rows.append(Row(f"round {rounds}", "not needed", "", stopped[1]))
    return [*rows, _row(run, "export", n_rounds + 1)]


def opened_run(run_dir: Path, trusted: Sequence[str] = ()) -> Run:
    """The run with its configuration, as far as that can be built.

    Raises:
        ConfigError: its file is damaged.
    """
    nodes = dict.fromkeys(NUMBERS) | json_in(run_dir / CONFIG)  # an earlier version had not all
    built: dict[str, Any] = {key: nodes[key] for key in NUMBERS}
    problems = dict[str, WsalError]()
    try:
        makers = parts_of(nodes, trusted)
    except UNREADABLE as error:
        raise ConfigError(f"damaged: {run_dir / CONFIG} has no {error}; {REWRITE}") from error
    for need, make in makers.items():
        try:
            built[need] = make()
        except WsalError as error:
            problems[need] = error
    return Run(run_dir, with_changes(Components(built, nodes), run_dir), problems)


def json_in(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        MissingArtifactError: there is no such file. ConfigError: it holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingArtifactError(f"{path} not found") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"damaged: {path} is not JSON ({error}); {REWRITE}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"damaged: {path} does not hold a JSON object; {REWRITE}")
    return content


def _row(run: Run, name: str, number: int) -> Row:
    title = f"round {number} {name}" if name in ROUND_STAGES else name
    path = folder(run.path, STAGES[name].writes, number)
    if not (path / MANIFEST).exists():
        unfinished = path.with_name(path.name + ".unfinished")
        if not unfinished.exists():
            return Row(title, "missing")
        return Row(title, "unfinished", details="; ".join(sealed_shards(unfinished)))
    try:
        done = Artifact.open(path)
        line = stage_lines.LINES[name](done.facts)
        if name == "assess" and number in run.verdicts:
            line += f"; stop rules: {run.verdicts[number]}"
        seconds = f"{done.manifest['seconds']:.1f}"
        state, reason = _state(run, name, number, done)
    except UNREADABLE as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        return Row(title, "damaged", "", f"delete the folder {path} ({problem})")
    if state not in ("stale", "damaged"):
        run.current[path] = state
    return Row(title, state, seconds, reason or line)


def _state(run: Run, name: str, number: int, done: Artifact) -> tuple[str, str]:
    """The state of an artifact and, if there is one to give, the reason; runs no untrusted code."""
    if unknown := [need for need in STAGES[name].needs if need in run.problems]:
        changed = edited(done.manifest["config"].get(unknown[0], {}).get("content"))
        if changed:  # known without running any code
            return "stale", f"edited since then: {', '.join(changed)}"
        return "unchecked", str(run.problems[unknown[0]])
    try:
        inputs, config, digests = origin_of(run.path, name, run.parts, number)
    except MissingArtifactError:
        return "stale", ""
    except (WsalError, OSError) as error:  # a data file, a gazetteer, guidelines
        return "input missing", str(error)
    if name == "annotate" and is_corrected(done, run.parts["annotator"]):
        return "stale", "the file with the answers has changed; it will be read again"
    used = [
        artifact.path
        for value in inputs.values()
        for artifact in (value if isinstance(value, list) else [value])
    ]
    now, reason = basis_of(config, bases_of(inputs, run.bases)), ""
    is_people = is_work_of_people(name, done)
    run.bases[done.path] = basis(done) if is_people or name == "annotate" else now
    if all(path in run.current for path in used) and done.made_from(config, digests):
        state = "unchecked" if "unchecked" in map(run.current.get, used) else "done"
    elif is_kept(run.path, name, done, now, finished=is_finished(run.path, number)):
        state, reason = "kept", "made before records were appended or classes renamed"
    else:
        state = "kept" if is_people else "stale"
    if name == "prepare" and done.manifest["config"].get(CHANGES) != config.get(CHANGES):
        reason = "classes or records were changed since then"
    return state, reason


def _planned(run: Run) -> int:
    if "active" in run.problems:
        raise ConfigError(f"damaged: {run.path / CONFIG}: {run.problems['active']}; {REWRITE}")
    rounds: int = run.parts["active"].rounds
    return rounds


def _stopped(run: Run) -> tuple[int, str] | None:
    """After which round the loop stopped, and why; None if it has not stopped."""
    assessed = list[Facts]()
    while (path := folder(run.path, STAGES["assess"].writes, len(assessed) + 1)).is_dir():
        try:
            assessed.append(Artifact.open(path).facts)
            price, batches = run.parts["active"].price_per_hour, run.parts[CHANGES].batches
            rules = stop_verdicts(assessed, run.parts["stop"], price, batches)
        except UNREADABLE:
            return None
        run.verdicts[len(assessed)] = "; ".join(words for _, words in rules)
        if reasons := [reason for holds, reason in rules if holds]:
            return len(assessed), f"stopped after round {len(assessed)}: {'; '.join(reasons)}"
    exported = folder(run.path, STAGES["export"].writes, 0)
    try:
        used = Artifact.open(exported).manifest["inputs"]["classifier"]
        last = Artifact.open(folder(run.path, STAGES["finetune"].writes, len(assessed)))
        ended = bool(assessed) and used == last.digest
    except UNREADABLE:
        return None
    return (len(assessed), f"exported after round {len(assessed)}") if ended else None
