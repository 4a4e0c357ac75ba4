"""What a data source is, and how its rows are to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import polars as pl

from wsal.settings import Share

ROW = "__row__"
"""A column that a source may add: where in its file each row stands, counted from 1."""


@dataclass(frozen=True)
class Layout:
    """What the columns of a source mean. Every value of a column is read as text."""

    text: tuple[str, ...]
    """Fields composed into the text, in this order; a missing value is left out."""
    label: str | None = None
    """Column with the gold label; empty where a row has none."""
    id: str | None = None
    """Column with a unique id; without one, ids are made from the texts."""
    split: str | None = None
    """Column that says train (or pool), valid (or dev), test; without one, wsal splits."""
    keep: tuple[str, ...] = ()
    """Further columns that rules may read; the model does not see them."""
    labels: tuple[str, ...] = ()
    """The classes; needed where no row has a gold label."""
    renamed: Mapping[str, str] | None = None
    """Former class names and what they are called now, {Old: New}: for gold labels and for answers
    that people gave before. Several may have the same new name: they are merged."""
    test_share: Share = 0.2
    """Share of the rows with gold that becomes the test split, if there is no split column."""
    dev_share: Share = 0.0
    separator: str = " | "
    """Stands between two fields in the text."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns a record keeps, each once."""
        return tuple(dict.fromkeys((*self.text, *self.keep)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the source must have, each once."""
        named = (self.label, self.id, self.split)
        return tuple(dict.fromkeys((*self.fields, *(name for name in named if name))))


@runtime_checkable
class DataSource(Protocol):
    """Rows of product text: where they come from, and how they are to be read."""

    @property
    def layout(self) -> Layout:
        """What the columns mean."""
        ...

    def read(self) -> pl.DataFrame:
        """All rows, all columns of the layout (null where a value is missing).

        A column `ROW` beside them says which row of its file each is; messages name it.
        """
        ...

    def content(self) -> Mapping[str, str]:
        """What stands for the rows in a digest: if it changes, the pool is made anew."""
        ...
