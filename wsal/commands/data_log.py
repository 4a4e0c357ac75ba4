"""List the states of a run, and what changed from one to the next.

A command records the state of the run when it ends or begins to wait for people, if anything has
changed since the last state. `wsal data diff` shows the changes between two states in detail.
"""

import argparse
import sys

from rich.markup import escape
from rich.table import Table

from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.vote_report import console


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal data log`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)


def run(options: argparse.Namespace) -> None:
    """Print a table with a row for each state.

    Raises:
        UnknownNameError: there is no such run.
    """
    from wsal.run.history import states_of  # noqa: PLC0415  takes a while
    from wsal.run.history_diff import difference  # noqa: PLC0415

    run_dir = run_folder(options.run)
    states = states_of(run_dir)
    if not states:
        sys.stdout.write(f"{run_dir} has no states yet; the next command adds the first\n")
        return
    table = Table(title=escape(f"States of {run_dir}"), title_justify="left")
    for name in ("state", "time", "texts", "rules", "classes", "answers", "changed since before"):
        is_text = name in ("time", "changed since before")
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    for before, state in zip([None, *states], states, strict=False):
        facts = state.facts
        changes = difference(before, state).in_words if before else []
        table.add_row(
            str(state.number),
            facts["at"][:16].replace("T", " "),
            f"{facts['n_texts']:,}",
            str(len(facts["rules"])),
            str(len(facts["classes"]["labels"])),
            f"{facts['n_answers']:,}",
            "; ".join(changes),
        )
    console().print(table)
