"""Show what changed between two states of a run: texts, rules, classes, answers, predictions.

`wsal data log` lists the states. Classes of the first state are compared under the names that they
have in the second. Predictions are those for the evaluation frame, which is never trained on.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl
from rich.markup import escape

from wsal.run.folders import run_folder
from wsal.run.vote_report import console

if TYPE_CHECKING:
    from wsal.run.history_diff import Difference


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal data diff`."""
    parser.add_argument("run", help="a run's name or folder")
    parser.add_argument("first", type=int, help="the number of a state")
    parser.add_argument("second", type=int, help="the number of another state")
    help_ = "list at most N texts of each kind (default: %(default)s)"
    parser.add_argument("--most", type=int, default=10, metavar="N", help=help_)


def run(options: argparse.Namespace) -> None:
    """Print the changes, a paragraph for each kind.

    Raises:
        UnknownNameError: there is no such run.
        ConfigError: it has no such state.
    """
    from wsal.run.history import state_numbered  # noqa: PLC0415  takes a while
    from wsal.run.history_diff import difference  # noqa: PLC0415

    run_dir = run_folder(options.run)
    first, second = (state_numbered(run_dir, n) for n in (options.first, options.second))
    diff = difference(first, second)
    title = f"{run_dir}, from state {first.number} to state {second.number}"
    console().print(f"[bold]{escape(title)}[/bold]")
    for line in lines_of(diff, options.most) or ["nothing changed"]:
        console().print(escape(line), soft_wrap=True)


def lines_of(diff: "Difference", most: int) -> list[str]:
    """The changes in words, with at most `most` names of each kind."""
    lines = list[str]()
    lists = {
        "texts added": diff.added,
        "texts withdrawn": diff.withdrawn,
        "texts changed": diff.changed,
        "rules added": diff.new_rules,
        "rules removed": diff.dropped_rules,
        "rules edited": diff.edited_rules,
        "classes": diff.edits,
        "new classes": diff.new_classes,
        "classes removed": diff.dropped_classes,
    }
    for words, names in lists.items():
        if names:
            more = f" and {len(names) - most:,} more" if len(names) > most else ""
            listed = ("; " if words == "classes" else ", ").join(names[:most])
            lines.append(f"{words} ({len(names):,}): {listed}{more}")
    if len(diff.answers):
        lines += _changes(f"answers ({len(diff.answers):,})", diff.answers, most)
    if diff.n_predicted:
        share = len(diff.flipped) / diff.n_predicted
        title = (
            f"predictions that flipped: {len(diff.flipped):,} of {diff.n_predicted:,} texts of "
            f"the evaluation frame ({share:.1%})"
        )
        lines += _changes(title, diff.flipped, most)
    return lines


def _changes(title: str, table: pl.DataFrame, most: int) -> Sequence[str]:
    """The most frequent changes, each with the ids of some texts."""
    counts = (
        table.with_columns(pl.col("before", "after").fill_null("none"))
        .group_by("before", "after")
        .agg(pl.len(), pl.col("id").sort().head(3))
        .sort(["len", "before", "after"], descending=[True, False, False])
    )
    lines = [
        f"  {n:>6,}  {before} -> {after}  ({', '.join(ids)}{', ...' if n > len(ids) else ''})"
        for before, after, n, ids in counts.head(most).iter_rows()
    ]
    more = [f"  and {len(counts) - most:,} other kinds"] if len(counts) > most else []
    return [title, *lines, *more]
