"""Gold labels in one column, or in several: the levels of a class tree."""

import itertools
from collections.abc import Collection, Sequence

import polars as pl

from wsal.class_tree import SEPARATOR
from wsal.data.base import ROW, DataSource, Layout
from wsal.errors import DataError
from wsal.text import clean


def gold_labels(rows: pl.DataFrame, layout: Layout) -> pl.Series:
    """The gold labels: names of classes or, from several columns, paths.

    Raises:
        DataError: a row has no value in a column and one in a later column, or a value with `>`.
    """
    columns = [clean(rows[name]).alias(name) for name in layout.label_columns]
    if len(columns) == 1:
        return columns[0]
    if len(set(layout.label_columns)) < len(columns):
        raise DataError(f"data.layout.label names a column twice: {list(layout.label_columns)}")
    for column in columns:
        is_path = column.str.contains(">", literal=True)
        _check_labels(column, is_path, rows, "`>` stands between the names of a path")
    path = columns[0]
    for upper, column in itertools.pairwise(columns):
        is_below_none = column.is_not_null() & upper.is_null()
        _check_labels(column, is_below_none, rows, f"nothing for {upper.name!r}, the level above")
        longer = pl.select(pl.lit(path) + SEPARATOR + column).to_series()
        path = path.zip_with(column.is_null(), longer)
    return path


def _check_labels(column: pl.Series, wrong: pl.Series, rows: pl.DataFrame, why: str) -> None:
    if wrong.any():
        place = int(wrong.arg_true()[0])
        raise DataError(
            f"row {rows[ROW][place]} has {column[place]!r} for {column.name!r}, but {why}; "
            "data.layout.label names the columns of a class tree from the root to the leaves"
        )


def check_columns(source: DataSource, n_rows: int, gold: Collection[str]) -> None:
    """Check that columns with texts, and those that the classes come from, are not empty.

    Args:
        source: of the rows.
        n_rows: how many of its rows have text.
        gold: the gold labels of all of them.

    Raises:
        DataError: no row has text, or none has a gold label and nothing else names the classes.
    """
    layout, path = source.layout, getattr(source, "path", None)
    if not n_rows:
        raise DataError(f"no row has text in {list(layout.text)}; name other fields")
    if gold or layout.labels or layout.taxonomy or not layout.label_columns:
        return
    raise DataError(
        f"{_named(layout)}{f' of {path}' if path else ''} is empty in all {n_rows:,} rows that "
        "have text, so the classes are unknown; name another column (data.layout.label=COLUMN) "
        "or, if there are no gold labels, the classes (data.layout.labels=[A,B,...])"
    )


def too_few_classes(names: Sequence[str], layout: Layout) -> DataError:
    """The error if there are fewer than two classes."""
    count = f"{len(names)} class{'es' * (len(names) != 1)} {list(names)}"
    if layout.label_columns and not layout.labels and layout.tree is None:
        return DataError(
            f"{_named(layout)} names {count}, expected at least 2; name another column, or all "
            "classes (data.layout.labels=[A,B,...])"
        )
    return DataError(
        f"found {count}, expected at least 2; name the column with gold labels "
        "(data.layout.label=COLUMN) or, if there are none, the classes "
        "(data.layout.labels=[A,B,...])"
    )


def _named(layout: Layout) -> str:
    """The columns with gold labels, as a message names them."""
    names = layout.label_columns
    return f"column {names[0]!r}" if len(names) == 1 else f"each of the columns {list(names)}"
