"""Gold labels in one column, or in several: the levels of a class tree."""

import itertools

import polars as pl

from wsal.class_tree import SEPARATOR
from wsal.data.base import ROW, Layout
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
