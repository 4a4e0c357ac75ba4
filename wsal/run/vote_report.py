"""What a rule author sees: how each rule does, which rules add little, conflicts, gaps."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from wsal import schemas, tables
from wsal.artifacts import Artifact

WIDTH = 120  # where there is no terminal; rich would break tables at 80 columns
SHOWN = 60  # characters of an example in a table
WORDS = ("for example", "most common words", "gold")  # columns that hold words, so left-aligned
RELATIONS = {"same": "is nearly the same as", "within": "is within", "tied": "often votes with"}
Row = dict[str, Any]


def console() -> Console:
    """The console to print to."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH)


def show_rules(votes: Artifact, n_examples: int, *, whole: bool = True) -> None:
    """Print the vote report, with `n_examples` texts for each rule, wrong votes first.

    Unless it is to be `whole`, only the table of rules is printed.
    """
    report = tables.read(votes.path / "rules.parquet", schemas.RULES)
    if report.is_empty():
        _print(f"{votes.path}: there are no rules; `wsal rules suggest` suggests some")
    shares = [f"{votes.facts[name]:.4f}" for name in ("coverage", "overlap", "conflict")]
    console().print(rules_table(report, f"rules: {votes.path}", ["all", "", *shares]))
    if not whole:
        return
    for name, schema, show in (
        ("pairs", schemas.PAIRS, _show_pairs),
        ("conflicts", schemas.CONFLICTS, _show_conflicts),
        ("uncovered", schemas.UNCOVERED, _show_uncovered),
    ):
        path = votes.path / f"{name}.parquet"
        if name == "conflicts" and not path.exists():
            path = votes.path / "clashes.parquet"  # as wsal before 0.3 called it
        frame = tables.read(path, schema)
        if len(frame):
            show(frame)
    examples = tables.read(votes.path / "examples.parquet", schemas.EXAMPLES)
    for rule in report["rule"] if n_examples else ():
        _print(f"\n{rule}", style="bold")
        for row in examples.filter(examples["rule"] == rule).head(n_examples).iter_rows(named=True):
            wrong = row["gold"] is not None and row["gold"] != row["vote"]
            gold = f"  (gold: {row['gold']})" if wrong else ""
            _print(f"  {row['vote']}: {row['text']}{gold}")


def rules_table(report: pl.DataFrame, title: str, last: Sequence[str] = ()) -> Table:
    """A table with a row for each rule of `report` (`schemas.RULES`), and a `last` row."""

    def cells(row: Row) -> list[str]:
        return [
            row["rule"],
            ", ".join(row["classes"]) or "none (never votes)",
            *(f"{row[name]:.4f}" for name in ("coverage", "overlap", "conflict")),
            f"{row['n_votes']:,}",
            *accuracy_cells(row),
        ]

    shares = ("coverage", "overlap", "conflict")
    heads = ["rule", "votes for", *shares, "votes", "accuracy", "95%", "on gold"]
    table = table_of(title, heads, 2, report, cells)
    if last:
        table.add_section()
        table.add_row(*last)
    return table


def accuracy_cells(row: Row) -> list[str]:
    """The accuracy, its interval, and the number of texts with gold."""
    if row["accuracy"] is None:
        return ["", "", f"{row['n_gold']:,}"]
    interval = f"{row['low']:.2f}-{row['high']:.2f}"
    return [f"{row['accuracy']:.3f}", interval, f"{row['n_gold']:,}"]


def _show_pairs(frame: pl.DataFrame) -> None:
    def cells(row: Row) -> list[str]:
        counts = (f"{row[name]:,}" for name in ("n_rule", "n_other", "n_both"))
        relation = RELATIONS[row["relation"]]
        return [row["rule"], relation, row["other"], *counts, f"{row['agreement']:.2f}"]

    heads = ["rule", "", "other", "votes", "other's votes", "both", "agreement"]
    title = "rules that vote on the same texts: one may be redundant"
    console().print(table_of(title, heads, 3, frame.head(15), cells))


def _show_conflicts(frame: pl.DataFrame) -> None:
    def cells(row: Row) -> list[str]:
        sides = (f"{row['rule']}: {row['vote']}", f"{row['other']}: {row['other_vote']}")
        shares = (_share(row["rule_right"]), _share(row["other_right"]))
        return [*sides, f"{row['n_texts']:,}", *shares, f"{row['n_gold']:,}", _example(row)]

    heads = ["rule: vote", "other: vote", "texts", "right", "other right", "on gold", "for example"]
    console().print(table_of("largest conflicts", heads, 2, frame.head(10), cells))


def _show_uncovered(frame: pl.DataFrame) -> None:
    def cells(row: Row) -> list[str]:
        words, gold = ", ".join(row["ngrams"]), ", ".join(row["gold"])
        return [f"{row['n_texts']:,}", words, gold, _example(row)]

    heads = ["texts", "most common words", "gold", "for example"]
    console().print(table_of("largest groups of texts without a vote", heads, 0, frame, cells))


def table_of(
    title: str,
    heads: Iterable[str],
    n_left: int,
    frame: pl.DataFrame,
    cells: Callable[[Row], list[str]],
) -> Table:
    """A table with the cells of each row; the first `n_left` columns are left-aligned."""
    table = Table(title=title, title_justify="left")
    for number, head in enumerate(heads):
        left = number < n_left or head in WORDS
        table.add_column(head, justify="left" if left else "right", overflow="fold")
    for row in frame.iter_rows(named=True):
        table.add_row(*cells(row))
    return table


def _example(row: Row) -> str:
    """The first example, cut to a length that fits into a table."""
    text: str = row["examples"][0] if row["examples"] else ""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.2f}"


def _print(line: str, style: str | None = None) -> None:
    console().print(line, markup=False, highlight=False, style=style)
