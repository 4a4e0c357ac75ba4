"""Batches of records that were appended to a run: their files, read as further rows of its source.

The rows of the source are period 0, and those of each batch are a period of their own, in order. A
batch by id replaces earlier rows with its ids, a batch by text adds copies of texts that are there,
and a batch may withdraw rows. A text belongs to the period in which it came first and keeps its
place and its split, whatever becomes of its rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal.changes import Batch
from wsal.data.base import ROW, Layout, SourcePart
from wsal.digests import file_digest
from wsal.errors import DataError, did_you_mean
from wsal.files import numbered_table
from wsal.text import as_text

APPENDED = "appended"  # the folder of a run with the copies of its batches


def first_file(split: str) -> str:
    """The name of the table with the sample of a split that rules learn from.

    Only the pool of a run with batches has it: without them, the sample is taken from the split.
    """
    return "first.parquet" if split == "pool" else f"first_{split}.parquet"


@dataclass(frozen=True)
class Batches:
    """All batches of a run in their order, and the folder with their files."""

    batches: tuple[Batch, ...]
    folder: Path

    def parts(self, layout: Layout) -> Iterator[tuple[dict[str, Any], Iterator[SourcePart]]]:
        """For each batch, what identifies it, and its rows with the columns of the layout.

        The rows are read only if they are iterated over; the copy of a batch is always checked.

        Raises:
            DataError: a copy is missing or damaged, or lacks a column.
        """
        for batch in self.batches:
            path = self.folder / batch.file
            if not path.exists():
                raise DataError(
                    f"{path}, which was appended to this run, is missing; restore it from a "
                    "backup, or take the batch back: wsal append RUN --undo"
                )
            if file_digest(path) != batch.digest:
                raise DataError(
                    f"{path} is not what was appended to this run (its SHA-256 has changed); "
                    "restore it from a backup, or take the batch back: wsal append RUN --undo"
                )
            yield {"batch": asdict(batch)}, _rows_of(path, batch, layout)


def _rows_of(path: Path, batch: Batch, layout: Layout) -> Iterator[SourcePart]:
    yield SourcePart(batch_rows(path, batch, layout), f"{APPENDED}/{batch.file}")


def batch_rows(path: Path, batch: Batch, layout: Layout) -> pl.DataFrame:
    """The rows of a batch with the columns of the layout, all as text, and `ROW`.

    A batch need not have the columns with labels, splits and kept fields. To withdraw, it needs
    only ids or, by text, the columns of the text.

    Raises:
        DataError: the table cannot be read, or columns are missing.
    """
    table = numbered_table(path)
    if missing := [n for n in required_columns(batch, layout) if n not in table.frame.columns]:
        names = " and no column ".join(map(repr, missing))
        advice = f"; {table.advice}" if table.advice else ""
        raise DataError(
            f"{path} has no column {names}{did_you_mean(missing[0], table.frame.columns)}{advice}"
        )
    n, numbers = len(table.frame), pl.Series(ROW, table.rows, dtype=pl.Int64)
    empty = pl.Series([None] * n, dtype=pl.String)
    columns = {
        name: as_text(table.frame[name]) if name in table.frame.columns else empty
        for name in layout.columns
    }
    if batch.withdraw:
        if batch.by == "text" and layout.id:  # such rows are never records, so any id will do
            columns[layout.id] = pl.select(pl.format("{}", pl.int_range(n))).to_series()
        columns |= {name: empty for name in (*layout.label_columns, layout.split) if name}
    return pl.DataFrame([*(column.alias(name) for name, column in columns.items()), numbers])


def required_columns(batch: Batch, layout: Layout) -> Sequence[str]:
    """The columns that the file of a batch must have; those that are only shown may be missing."""
    ids = [layout.id] if layout.id else []
    if batch.withdraw:
        return ids if batch.by == "id" else layout.text
    return tuple(dict.fromkeys((*layout.text, *ids)))


def missing_fields(path: Path, layout: Layout) -> list[str]:
    """The columns of `data.layout.keep` that a table lacks: new records have nothing in them."""
    columns = numbered_table(path).frame.columns if layout.keep else []
    return [name for name in layout.keep if name not in columns]


@dataclass(frozen=True)
class Periods:
    """Which rows are from which period."""

    batches: tuple[Batch, ...]
    ends: tuple[int, ...]
    """The number of rows up to the end of each period, from period 0."""

    def __bool__(self) -> bool:
        """Whether there are batches."""
        return bool(self.batches)

    @property
    def names(self) -> list[str]:
        """A name for each period, which does not depend on the others: the digest of its file."""
        return ["", *(batch.digest for batch in self.batches)]

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The period of each row."""
        return np.searchsorted(np.array(self.ends), rows, side="right").astype(np.int32)

    @cached_property
    def withdraws(self) -> np.ndarray:
        """`(periods,)`: whether the rows of a period withdraw others."""
        return np.array([False, *(batch.withdraw for batch in self.batches)])

    @cached_property
    def by_id(self) -> np.ndarray:
        """`(periods,)`: whether the rows of a period stand in for earlier rows with their ids."""
        return np.array([False, *(batch.by == "id" for batch in self.batches)])

    @cached_property
    def keeps_labels(self) -> np.ndarray:
        """`(periods,)`: whether records that are changed by a row of a period keep their labels."""
        keeps = (batch.by == "id" and not batch.with_labels for batch in self.batches)
        kept: np.ndarray = np.array([False, *keeps]) & ~self.withdraws
        return kept

    def with_labels_kept(self, ids: pl.DataFrame, labels: np.ndarray) -> None:
        """Give rows without a label, in place, that of the newest row before with the same id.

        Args:
            ids: of whole groups: `group` and `row`.
            labels: `(all rows,)`, -1 where there is none.
        """
        rows = ids.sort("group", "row").select("group", "row")
        row = rows["row"].to_numpy()
        period = self.of(row)
        is_open = pl.Series(self.keeps_labels[period] & (labels[row] < 0))
        label = pl.Series(labels[row]).set(is_open, None)
        filled = rows.with_columns(label=label).select(pl.col("label").forward_fill().over("group"))
        labels[row] = filled.to_series().fill_null(-1).to_numpy()

    def replaced(self, keys: pl.DataFrame, *, by_id: bool) -> np.ndarray:
        """The rows of `keys` that no longer count: changed or withdrawn later, or withdrawing.

        Args:
            keys: of whole groups: `group` and `row`.
            by_id: whether groups are rows with one id; otherwise they are rows with one text.
        """
        row = keys["row"].to_numpy()
        period = self.of(row)
        acts = self.by_id[period] if by_id else self.withdraws[period] & ~self.by_id[period]
        with_last = keys.select("group", acting=pl.Series(np.where(acts, period, -1)))
        last = with_last.select(pl.col("acting").max().over("group")).to_series().to_numpy()
        replaced: np.ndarray = row[(period < last) | self.withdraws[period]]
        return replaced
