"""What a rule author sees: how each rule does, which are of no use, what is in conflict or left."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from wsal import tables
from wsal.artifacts import Artifact

WIDE = 120  # where there is no terminal, a table is not to be broken at 80 columns
Row = dict[str, Any]


def console() -> Console:
    """Where tables go."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDE)


def show_rules(votes: Artifact, n_examples: int, *, whole: bool = True) -> None:
    """The vote report; `n_examples` texts for each rule, wrong ones first.

    Not `whole`: the table of rules alone.
    """
    report = tables.read(votes.path / "rules.parquet", tables.RULES)
    if report.is_empty():
        _print(f"{votes.path}: there are no rules; `wsal rules suggest` proposes some")
    title = f"rules: {votes.path}"
    last = ["all", "", *(f"{votes.facts[k]:.4f}" for k in ("coverage", "overlap", "conflict"))]
    console().print(rules_table(report, title, last))
    if not whole:
        return
    for name, schema, show in (
        ("pairs", tables.PAIRS, _show_pairs),
        ("conflicts", tables.CONFLICTS, _show_conflicts),
        ("uncovered", tables.UNCOVERED, _show_uncovered),
    ):
        frame = tables.read(votes.path / f"{name}.parquet", schema)
        if len(frame):
            show(frame)
    examples = tables.read(votes.path / "examples.parquet", tables.EXAMPLES)
    for rule in report["rule"] if n_examples else ():
        _print(f"\n{rule}", style="bold")
        for row in examples.filter(examples["rule"] == rule).head(n_examples).iter_rows(named=True):
            wrong = row["gold"] is not None and row["gold"] != row["vote"]
            verdict = f"  gold: {row['gold']}" if wrong else ""
            _print(f"  {row['vote']}: {row['text']}{verdict}")


def rules_table(report: pl.DataFrame, title: str, last: Sequence[str] = ()) -> Table:
    """A line a rule."""

    def line(row: Row) -> list[str]:
        known = row["accuracy"] is not None
        return [
            row["rule"],
            ", ".join(row["classes"]) or "nothing: it never fires",
            *(f"{row[name]:.4f}" for name in ("coverage", "overlap", "conflict")),
            f"{row['n_votes']:,}",
            f"{row['accuracy']:.3f}" if known else "",
            f"{row['low']:.2f}-{row['high']:.2f}" if known else "",
            f"{row['n_gold']:,}",
        ]

    heads = ["rule", "votes for", "coverage", "overlap", "conflict", "votes", "accuracy", "95%",
             "of gold"]  # fmt: skip
    table = _table(title, heads, 2, report, line)
    if last:
        table.add_section()
        table.add_row(*last)
    return table


def _show_pairs(frame: pl.DataFrame) -> None:
    what = {"same": "is much the same as", "within": "lies within", "tied": "goes with"}

    def line(row: Row) -> list[str]:
        counts = (f"{row[name]:,}" for name in ("n_rule", "n_other", "n_both"))
        return [row["rule"], what[row["relation"]], row["other"], *counts,
                f"{row['agreement']:.2f}"]  # fmt: skip

    heads = ["rule", "", "other", "votes", "other's", "both", "agreement"]
    title = "rules that fire on the same texts: one of the two may be idle, or both one idea"
    console().print(_table(title, heads, 3, frame.head(15), line))


def _show_conflicts(frame: pl.DataFrame) -> None:
    def line(row: Row) -> list[str]:
        sides = (f"{row['rule']}: {row['vote']}", f"{row['other']}: {row['other_vote']}")
        shares = (_share(row["rule_right"]), _share(row["other_right"]))
        return [*sides, f"{row['n_texts']:,}", *shares, f"{row['n_gold']:,}", _first(row)]

    heads = ["rule: vote", "other: vote", "texts", "right", "other right", "of gold", "for example"]
    console().print(_table("largest conflicts", heads, 2, frame.head(10), line))


def _show_uncovered(frame: pl.DataFrame) -> None:
    def line(row: Row) -> list[str]:
        return [f"{row['n_texts']:,}", ", ".join(row["ngrams"]), ", ".join(row["gold"]),
                _first(row)]  # fmt: skip

    heads = ["texts", "commonest words", "gold", "for example"]
    console().print(_table("largest groups without a vote", heads, 0, frame, line))


def _table(
    title: str, heads: Iterable[str], n_left: int, frame: pl.DataFrame,
    line: Callable[[Row], list[str]],
) -> Table:  # fmt: skip
    """A table; columns from `n_left` on are numbers, but for those that hold words."""
    table = Table(title=title, title_justify="left")
    words = {"for example", "commonest words", "gold"}
    for place, head in enumerate(heads):
        left = place < n_left or head in words
        table.add_column(head, justify="left" if left else "right", overflow="fold")
    for row in frame.iter_rows(named=True):
        table.add_row(*line(row))
    return table


def _first(row: Row) -> str:
    text: str = row["examples"][0] if row["examples"] else ""
    return text if len(text) <= 60 else f"{text[:57]}..."


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.2f}"


def _print(line: str, style: str | None = None) -> None:
    console().print(line, markup=False, highlight=False, style=style)
