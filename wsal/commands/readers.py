"""Commands that read runs and write nothing that a stage reads: status, forecast and others."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from wsal.artifacts import Artifact
from wsal.errors import ConfigError, MissingArtifactError, UnknownNameError
from wsal.run import stage_lines, vote_report
from wsal.run.loop import CONFIG
from wsal.run.pipeline import STAGES

RUNS = Path("runs")


def read_command(command: str, arguments: Sequence[str]) -> None:
    """Parse the arguments of a reader and run it.

    Raises:
        UnknownNameError: there is no such command.
    """
    if command not in READERS:
        known = [*STAGES, "run", "active", *READERS]
        raise UnknownNameError("command", command, known)
    reader = READERS[command]
    parser = argparse.ArgumentParser(prog=f"wsal {command}", description=reader.__doc__)
    reader(parser, arguments)


def status(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print which stages of a run are done, stale or missing; without a run, of every run."""
    parser.add_argument("run", nargs="*", help="a run folder, a run's name, or name=NAME")
    add_trusted(parser)
    options = parser.parse_args(arguments)
    found = [run_folder(name) for name in options.run] or [RUNS / name for name in known_runs()]
    if not found:
        raise MissingArtifactError(f"no run lies in {RUNS.absolute()}; start one with `wsal run`")
    from wsal.commands.status import show  # noqa: PLC0415  Hydra's parser of configurations

    show(found, options.trusted)


def add_trusted(parser: argparse.ArgumentParser) -> None:
    """The option that names modules of the user's own."""
    trusted = "a module of your own that rules come from; can be given again"
    parser.add_argument("--trusted", action="append", default=[], metavar="MODULE", help=trusted)


def rules(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the vote report of a run, with examples for each rule; or suggest, or watch."""
    further = {"suggest": _suggest, "watch": _watch}
    if arguments and arguments[0] in further:
        parser.prog += f" {arguments[0]}"
        parser.description = further[arguments[0]].__doc__
        further[arguments[0]](parser, arguments[1:])
        return
    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    parser.add_argument("--examples", type=int, default=3, help="texts for each rule")
    options = parser.parse_args(arguments)
    vote_report.show_rules(Artifact.open(run_folder(options.run) / "votes"), options.examples)


def _suggest(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print rules to paste, with what speaks for them."""
    from wsal.commands import rules_suggest  # noqa: PLC0415  its libraries take a second

    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    rules_suggest.add_options(parser)
    options = parser.parse_args(arguments)
    rules_suggest.print_suggestions(run_folder(options.run), options)


def _watch(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """After each edit of a file of rules, print the new table and what changed."""
    from wsal.commands import rules_watch  # noqa: PLC0415  Hydra's parser of configurations

    rules_watch.add_options(parser)
    options = parser.parse_args(arguments)
    rules_watch.watch(run_folder(options.run), options)


def compare(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the learning curves of several runs side by side."""
    parser.add_argument("run", nargs="+", help="run folders, or names of runs")
    from wsal.commands.status import AGAIN, json_in  # noqa: PLC0415  Hydra's parser of configurations

    summaries = []
    for name in parser.parse_args(arguments).run:
        path = run_folder(name) / "summary.json"
        if not path.exists():
            raise MissingArtifactError(f"{path} not found: that run has not come to its end")
        summaries.append(json_in(path, AGAIN))
    try:
        stage_lines.show_summaries(summaries)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        names = ", ".join(parser.parse_args(arguments).run)
        raise ConfigError(
            f"damaged: the summary.json of {names} lacks what it should hold "
            f"({type(error).__name__}: {error}); {AGAIN}"
        ) from error


def predict(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Label a table with an exported model."""
    from wsal.commands import predict  # noqa: PLC0415  what it needs takes half a second

    predict.add_options(parser)
    predict.predict(parser.parse_args(arguments))


def serve(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Answer over HTTP with an exported model."""
    from wsal.commands import serve  # noqa: PLC0415  the server's libraries

    serve.add_options(parser)
    serve.serve(parser.parse_args(arguments))


def push(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Upload an exported model to the Hugging Face Hub."""
    from wsal.commands import push  # noqa: PLC0415

    push.add_options(parser)
    push.push(parser.parse_args(arguments))


def run_folder(name: str) -> Path:
    """The folder of a run by path, by name, by `name=NAME`; by nothing, if there is only one.

    Raises:
        MissingArtifactError: none is named, and there are none or several.
        UnknownNameError: no run of that name; with the nearest one.
    """
    name = name.removeprefix("name=").removeprefix("run_dir=")
    known = known_runs()
    if not name and not known:
        raise MissingArtifactError(f"no run lies in {RUNS.absolute()}; start one with `wsal run`")
    if not name and len(known) > 1:
        raise MissingArtifactError(f"there are several runs; name one of {', '.join(known)}")
    name = name or known[0]
    for candidate in (Path(name), RUNS / name):
        if "\0" not in name and (candidate / CONFIG).is_file():
            return candidate
    raise UnknownNameError("run", name, known)


def known_runs() -> list[str]:
    """The names of runs, those of a sweep's jobs too; models inside of a run are none."""
    found = {path.parent for path in RUNS.rglob(CONFIG)} - {RUNS}
    runs = (run for run in found if found.isdisjoint(run.parents))  # a model has a CONFIG, too
    return sorted(str(run.relative_to(RUNS)) for run in runs)


def forecast(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the learning curve, and the labels, hours and cost that a target still needs."""
    from wsal.commands import forecast  # noqa: PLC0415

    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    forecast.add_options(parser)
    options = parser.parse_args(arguments)
    forecast.show(run_folder(options.run), options)


def review(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Print the answers that look wrong."""
    from wsal.commands import review  # noqa: PLC0415  its library takes seconds

    parser.add_argument("run", nargs="?", default="", help="a run folder, or a run's name")
    parser.add_argument("--most", type=int, default=20, help="so many of them")
    options = parser.parse_args(arguments)
    review.show(run_folder(options.run), options.most)


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
