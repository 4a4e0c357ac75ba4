"""The entry point of `wsal` and of scripts/: find the command, run it, report what went wrong."""

import argparse
import ast
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from wsal import __version__, processes
from wsal.commands import COMMANDS, LAUNCHED
from wsal.error_output import report
from wsal.errors import UnknownNameError
from wsal.progress import install_console_output
from wsal.run.stage_table import STAGES

WIDTH = 36  # of the column of commands in --help


def main(*command: str) -> None:
    """Run the command that these words, and the arguments after them, name; report its errors."""
    processes.limit_openmp_spins()
    install_console_output()
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        run([*command, *sys.argv[1:]])
    except BaseException as error:
        if wants_traceback:
            raise
        report(error)


def run(arguments: Sequence[str]) -> None:
    """Run a command with its arguments.

    Raises:
        UnknownNameError: there is no such command.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(help_text())
        return
    if arguments[0] == "--version":
        sys.stdout.write(f"wsal {__version__}\n")
        return
    name = next((n for n in (" ".join(arguments[:2]), arguments[0]) if n in COMMANDS), None)
    if name:
        module = import_module(f"wsal.commands.{name.replace(' ', '_')}")
        parser = argparse.ArgumentParser(
            prog=f"wsal {name}", description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        module.add_options(parser)
        module.run(parser.parse_args(arguments[len(name.split()) :]))
        return
    if arguments[0] not in (*LAUNCHED, *STAGES):
        raise UnknownNameError("command", arguments[0], [*LAUNCHED, *STAGES, *COMMANDS])
    from wsal.commands.run import launch  # noqa: PLC0415  Hydra takes a third of a second

    launch(arguments[0], arguments[1:])


def help_text() -> str:
    """What `wsal --help` prints."""
    launched = list(LAUNCHED.items())
    stages = [(name, _summary(name)) for name in STAGES]
    others = [(f"{name} {arguments}", help_) for name, (arguments, help_) in COMMANDS.items()]
    return f"""wsal: weak supervision, then active learning, for text classification

usage: wsal COMMAND [OVERRIDE ...], wsal --version, wsal COMMAND --help

train a classifier:
{_table(launched)}
the stages of a run, in order; each is skipped if it is up to date:
{_table(stages)}
inspect and use a run (RUN is its name or folder, MODEL an exported folder):
{_table(others)}
These overrides change the configuration, as Hydra has it:
  wsal run data=pricerunner data.path=FILE active.rounds=3
  wsal run --multirun seed=0,1       one run for each seed
  wsal run --verbose                 all details of each stage, not one short line
  wsal run --help                    all groups and keys
  wsal run --cfg job                 the configuration with its defaults
"""


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "".join(f"  wsal {name:<{WIDTH - 7}} {help_}\n" for name, help_ in rows)


def _summary(stage: str) -> str:
    """The first line of a stage's docstring. It is not imported, because torch takes seconds."""
    source = (Path(__file__).parent / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].rstrip(".")
