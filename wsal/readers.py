"""Commands that read runs and write nothing that a stage reads: status, forecast and others."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from wsal import reports, vote_report
from wsal.artifacts import Artifact
from wsal.contents import edited
from wsal.errors import MissingArtifactError, UnknownNameError
from wsal.pipeline import ROUND_STAGES, STAGES, folder
from wsal.runs import BEFORE_ROUNDS, CONFIG, opened
from wsal.settings import ActiveSettings

RUNS = Path("runs")


def read_command(command: str, arguments: Sequence[str]) -> None:
    """Parse the arguments of a reader and run it.

    Raises:
        UnknownNameError: there is no such command.
    """
    if command not in READERS:
        known = [*STAGES, "run", "active", *READERS]
        raise UnknownNameError("command", command, known)
    READERS[command](argparse.ArgumentParser(prog=f"wsal {command}"), arguments)


def status(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print which stages of a run are done, stale or missing; without a run, of every run."""
    parser.add_argument("run", nargs="*", help="a run folder, a run's name, or name=NAME")
    given = parser.parse_args(arguments).run
    found = [run_folder(name) for name in given] or sorted(
        p.parent for p in RUNS.glob(f"*/{CONFIG}")
    )
    if not found:
        raise MissingArtifactError(f"no run lies in {RUNS.absolute()}; start one with `wsal run`")
    for run_dir in found:
        table = Table(title=str(run_dir), title_justify="left")
        for name in ("stage", "state", "seconds", "what"):
            table.add_column(
                name, justify="right" if name == "seconds" else "left", overflow="fold"
            )
        for row in states(run_dir):
            table.add_row(*row)
        vote_report.console().print(table)


def states(run_dir: Path) -> list[tuple[str, str, str, str]]:
    """Stage, state, seconds and facts of everything the run's last command asked for.

    A stage is stale if an input was made anew after it, or its part of the configuration is not
    that of the last command.
    """
    config = json.loads((run_dir / CONFIG).read_text())
    rounds = range(1, config["active"]["rounds"] + 1)
    plan = [(name, 0) for name in BEFORE_ROUNDS]
    plan += [(name, number) for number in rounds for name in ROUND_STAGES]
    rows, current = [], dict[str, str]()  # current: artifact folder -> its digest, if not stale
    for name, number in [*plan, ("export", len(rounds) + 1)]:
        title = f"round {number} {name}" if name in ROUND_STAGES else name
        place = folder(run_dir, STAGES[name].writes, number)
        done = opened(run_dir, STAGES[name].writes, number)
        if done is None:
            begun = place.with_name(place.name + ".unfinished").exists()
            rows.append((title, "unfinished" if begun else "missing", "", ""))
            continue
        made_with = done.manifest["config"].items()
        same = all(
            part["node"] == _shaping(need, config[need]) and not edited(part["content"])
            for need, part in made_with
        )
        inputs = _flat(done.manifest["inputs"])
        fresh = same and all(digest in current.values() for digest in inputs)
        if fresh:
            current[str(place)] = done.digest
        seconds = f"{done.manifest['seconds']:.1f}"
        rows.append((title, "done" if fresh else "stale", seconds, reports.LINES[name](done.facts)))
    return rows


def rules(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the vote report of a run, with examples for each rule; or suggest, or watch."""
    further = {"suggest": _suggest, "watch": _watch}
    if arguments and arguments[0] in further:
        parser.prog += f" {arguments[0]}"
        further[arguments[0]](parser, arguments[1:])
        return
    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    parser.add_argument("--examples", type=int, default=3, help="texts for each rule")
    options = parser.parse_args(arguments)
    vote_report.show_rules(Artifact.open(run_folder(options.run) / "votes"), options.examples)


def _suggest(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print rules to paste, with what speaks for them."""
    from wsal import suggesting  # noqa: PLC0415  its libraries take a second

    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    suggesting.add_options(parser)
    options = parser.parse_args(arguments)
    suggesting.print_suggestions(run_folder(options.run), options)


def _watch(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """After each edit of a file of rules, print the new table and what changed."""
    from wsal import watching  # noqa: PLC0415  Hydra's parser of configurations

    watching.add_options(parser)
    options = parser.parse_args(arguments)
    watching.watch(run_folder(options.run), options)


def compare(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the learning curves of several runs side by side."""
    parser.add_argument("run", nargs="+", help="run folders, or names of runs")
    summaries = []
    for name in parser.parse_args(arguments).run:
        path = run_folder(name) / "summary.json"
        if not path.exists():
            raise MissingArtifactError(f"{path} not found: that run has not come to its end")
        summaries.append(json.loads(path.read_text()))
    reports.show_summaries(summaries)


def predict(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Label a table with an exported model."""
    from wsal import predicting  # noqa: PLC0415  what it needs takes half a second

    predicting.add_options(parser)
    predicting.predict(parser.parse_args(arguments))


def serve(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Answer over HTTP with an exported model."""
    from wsal import answering  # noqa: PLC0415  the server's libraries

    answering.add_options(parser)
    answering.serve(parser.parse_args(arguments))


def push(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Upload an exported model to the Hugging Face Hub."""
    from wsal import pushing  # noqa: PLC0415

    pushing.add_options(parser)
    pushing.push(parser.parse_args(arguments))


def run_folder(name: str) -> Path:
    """The folder of a run by path, by name, by `name=NAME`; by nothing, if there is only one.

    Raises:
        MissingArtifactError: no run of that name. UnknownNameError: with the nearest one.
    """
    name = name.removeprefix("name=").removeprefix("run_dir=")
    known = [p.parent.name for p in RUNS.glob(f"*/{CONFIG}")]
    if not name and len(known) == 1:
        name = known[0]
    for candidate in (Path(name), RUNS / name):
        if name and (candidate / CONFIG).exists():
            return candidate
    raise UnknownNameError("run", name, known)


def forecast(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the learning curve, and the labels, hours and cost that a target still needs."""
    from wsal import forecasting  # noqa: PLC0415

    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    forecasting.add_options(parser)
    options = parser.parse_args(arguments)
    forecasting.show(run_folder(options.run), options)


def review(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the answers that look wrong."""
    from wsal import reviewing  # noqa: PLC0415  its library takes seconds

    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    parser.add_argument("--most", type=int, default=20, help="so many of them")
    options = parser.parse_args(arguments)
    reviewing.show(run_folder(options.run), options.most)


READERS: dict[str, Callable[[argparse.ArgumentParser, Sequence[str]], None]] = {
    "status": status,
    "rules": rules,
    "forecast": forecast,
    "review": review,
    "compare": compare,
    "predict": predict,
    "serve": serve,
    "push": push,
}


def _shaping(need: str, node: Any) -> Any:  # noqa: ANN401  a node of the configuration
    """What of a node makes artifacts stale."""
    aside = ActiveSettings.SHAPES_NOTHING if need == "active" else ()
    return {k: v for k, v in node.items() if k not in aside} if aside else node


def _flat(inputs: dict[str, str | list[str]]) -> list[str]:
    return [
        one for value in inputs.values() for one in (value if isinstance(value, list) else [value])
    ]
