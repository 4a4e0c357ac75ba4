"""`wsal status`: which stages of a run are done, stale, missing or damaged, and why."""

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
from wsal.artifacts import MANIFEST, Artifact, Facts
from wsal.components import Components
from wsal.config.composed import parts_of
from wsal.contents import edited
from wsal.errors import ConfigError, MissingArtifactError, WsalError
from wsal.run import stage_lines
from wsal.run.loop import BEFORE_ROUNDS, CONFIG
from wsal.run.pipeline import ROUND_STAGES, STAGES, folder, origin_of
from wsal.run.vote_report import console

AGAIN = "run that run's command again to rewrite it"
UNREADABLE = (WsalError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)


@dataclass(frozen=True)
class Row:
    """One stage of a run."""

    title: str
    state: str
    """done, kept (people's answers, though what came before changed), stale, unfinished, missing,
    damaged, input missing, unchecked (code it depends on may not be run), not needed."""
    seconds: str = ""
    what: str = ""


@dataclass
class Run:
    """What is known of a run while its stages are gone through."""

    path: Path
    parts: Components
    problems: Mapping[str, WsalError]
    """Parts of the configuration that cannot be built."""
    current: dict[Path, str] = field(default_factory=dict)
    """Artifacts that the next command would keep -> done, kept or unchecked."""


def show(run_dirs: Sequence[Path], trusted: Sequence[str]) -> None:
    """Print a table for each run.

    Raises:
        ConfigError: the configuration of a run is damaged; after the tables of the others.
    """
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
        for name in ("stage", "state", "seconds", "what"):
            justify: Any = "right" if name == "seconds" else "left"
            table.add_column(name, justify=justify, overflow="fold")
        for row in rows:
            table.add_row(row.title, row.state, row.seconds, escape(row.what))
        console().print(table)
    if damaged:
        raise ConfigError.of(damaged)


def states(run_dir: Path, trusted: Sequence[str] = ()) -> list[Row]:
    """A row for everything that the run's last command asked for.

    A stage is stale if the next command would make it anew: something it was made from is stale
    itself, or its configuration, a file or code that it depends on has changed since.

    Raises:
        ConfigError: the run's configuration is damaged.
    """
    run = opened_run(run_dir, trusted)
    planned, stopped = _planned(run), _stopped(run)
    n_rounds = min(planned, stopped[0]) if stopped else planned
    plan = [(name, 0) for name in BEFORE_ROUNDS]
    plan += [(name, number) for number in range(1, n_rounds + 1) for name in ROUND_STAGES]
    rows = [_row(run, name, number) for name, number in plan]
    if stopped and n_rounds < planned:
        rounds = f"{n_rounds + 1} to {planned}" if n_rounds + 1 < planned else str(planned)
        rows.append(Row(f"round {rounds}", "not needed", "", stopped[1]))
    return [*rows, _row(run, "export", n_rounds + 1)]


def opened_run(run_dir: Path, trusted: Sequence[str] = ()) -> Run:
    """The run's configuration, as far as it can be built.

    Raises:
        ConfigError: its file is damaged.
    """
    nodes = json_in(run_dir / CONFIG)
    built, problems = {"seed": nodes.get("seed")}, dict[str, WsalError]()
    try:
        makers = parts_of(nodes, trusted)
    except UNREADABLE as error:
        raise ConfigError(f"damaged: {run_dir / CONFIG} lacks {error}; {AGAIN}") from error
    for need, make in makers.items():
        try:
            built[need] = make()
        except WsalError as error:
            problems[need] = error
    return Run(run_dir, Components(built, nodes), problems)


def json_in(path: Path, again: str = AGAIN) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises:
        MissingArtifactError: there is no such file. ConfigError: it holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingArtifactError(f"{path} not found") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"damaged: {path} is not JSON ({error}); {again}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"damaged: {path} holds no mapping; {again}")
    return found


def _row(run: Run, name: str, number: int) -> Row:
    title = f"round {number} {name}" if name in ROUND_STAGES else name
    place = folder(run.path, STAGES[name].writes, number)
    if not (place / MANIFEST).exists():
        begun = place.with_name(place.name + ".unfinished").exists()
        return Row(title, "unfinished" if begun else "missing")
    try:
        done = Artifact.open(place)
        line = stage_lines.LINES[name](done.facts)
        seconds = f"{done.manifest['seconds']:.1f}"
        state, why = _state(run, name, number, done)
    except UNREADABLE as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return Row(title, "damaged", "", f"delete the folder {place} ({said})")
    if state not in ("stale", "damaged"):
        run.current[place] = state
    return Row(title, state, seconds, why or line)


def _state(run: Run, name: str, number: int, done: Artifact) -> tuple[str, str]:
    """The state of an artifact that is there, and what to say of it."""
    unknown = [need for need in STAGES[name].needs if need in run.problems]
    if unknown:
        changed = edited(done.manifest["config"].get(unknown[0], {}).get("content"))
        if changed:  # known without running any code
            return "stale", f"edited since: {', '.join(changed)}"
        return "unchecked", str(run.problems[unknown[0]])
    try:
        inputs, config, digests = origin_of(run.path, name, run.parts, number)
    except MissingArtifactError:
        return "stale", ""
    except (WsalError, OSError) as error:  # a data file, a gazetteer, guidelines
        return "input missing", str(error)
    used = [
        one for value in inputs.values() for one in (value if isinstance(value, list) else [value])
    ]
    reread = name == "annotate" and is_corrected(done, run.parts["annotator"])
    if (
        not reread
        and all(one.path in run.current for one in used)
        and done.made_from(config, digests)
    ):
        doubtful = any(run.current[one.path] == "unchecked" for one in used)
        return ("unchecked", "") if doubtful else ("done", "")
    why = "the file with the answers was changed since: it will be read again" if reread else ""
    return ("kept", "") if is_work_of_people(name, done) and not reread else ("stale", why)


def _planned(run: Run) -> int:
    if "active" in run.problems:
        raise ConfigError(f"damaged: {run.path / CONFIG}: {run.problems['active']}; {AGAIN}")
    rounds: int = run.parts["active"].rounds
    return rounds


def _stopped(run: Run) -> tuple[int, str] | None:
    """After which round the loop ended, and why; None if it may go on."""
    assessed = list[Facts]()
    while (place := folder(run.path, STAGES["assess"].writes, len(assessed) + 1)).is_dir():
        try:
            assessed.append(Artifact.open(place).facts)
            rules = stop_verdicts(assessed, run.parts["stop"], run.parts["active"].price_per_hour)
        except UNREADABLE:
            return None
        if why := [said for holds, said in rules if holds]:
            return len(assessed), f"stopped after round {len(assessed)}: {'; '.join(why)}"
    exported = folder(run.path, STAGES["export"].writes, 0)
    try:
        used = Artifact.open(exported).manifest["inputs"]["classifier"]
        last = Artifact.open(folder(run.path, STAGES["finetune"].writes, len(assessed)))
        ended = bool(assessed) and used == last.digest
    except UNREADABLE:
        return None
    return (len(assessed), f"exported after round {len(assessed)}") if ended else None
