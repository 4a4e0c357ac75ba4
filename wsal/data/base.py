"""What a data source is, and what the columns of its rows mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import polars as pl

from wsal.data.taxonomy import Taxonomy, read_taxonomy
from wsal.digests import file_digest
from wsal.settings import Share

ROW = "__row__"
"""A column that a source may add: the position of each row in its file, counted from 1."""


@dataclass(frozen=True)
class Layout:
    """What the columns of a source mean. All values are read as text."""

    text: tuple[str, ...]
    """Columns composed into the text, in this order; missing values are left out."""
    label: str | tuple[str, ...] | None = None
    """Column with gold labels; empty in rows without one. Several columns, from the root of a class
    tree to its leaves, make paths, such as `Food > Beverages > Tea`; where the last of them are
    empty, the label is a parent. Unless there is a `taxonomy`, these paths are the tree."""
    id: str | None = None
    """Column with unique ids; None: ids are made from the texts."""
    split: str | None = None
    """Column with train (or pool), valid (or dev), test; None: wsal splits."""
    keep: tuple[str, ...] = ()
    """Further columns that rules may read; the classifier does not see them."""
    labels: tuple[str, ...] = ()
    """The classes; required if no row has a gold label, unless there is a `taxonomy`."""
    taxonomy: str | None = None
    """File with a class tree, whose leaves are the classes: a path such as `Food > Beverages > Tea`
    in each line, or a table with `id`, `parent`, `name`; see `read_taxonomy`."""
    renamed: Mapping[str, str] | None = None
    """Former class names and the present ones, {Old: New}, for gold labels and earlier answers.
    Several may have the same new name, which merges them."""
    test_share: Share = 0.2
    """Share of the rows with gold in the test split, if there is no split column."""
    dev_share: Share = 0.0
    """Share of the rows with gold in the dev split, if there is no split column."""
    separator: str = " | "
    """Between two columns in the text."""
    multilabel: bool = False
    """Whether a text may have several classes. Column `label` is then a list of names (in Parquet
    or JSON lines), or text with `label_separator` between them; a row without a label has no gold,
    and an empty list, or `none of these`, says that no class applies."""
    label_separator: str = "|"
    """Between the names in a column of gold labels that is text, with `multilabel`."""

    def content(self) -> Mapping[str, str]:
        """The digest of the class tree."""
        return {"taxonomy": file_digest(Path(self.taxonomy))} if self.taxonomy else {}

    @cached_property
    def tree(self) -> Taxonomy | None:
        """The class tree, if there is one.

        Raises:
            DataError: its file cannot be read as a class tree.
        """
        return read_taxonomy(self.taxonomy) if self.taxonomy else None

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns with gold labels: of a class tree, from the root to the leaves."""
        if self.label is None:
            return ()
        return (self.label,) if isinstance(self.label, str) else tuple(self.label)

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that a record keeps, without duplicates."""
        return tuple(dict.fromkeys((*self.text, *self.keep)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the source must have, without duplicates."""
        named = (*self.label_columns, self.id, self.split)
        return tuple(dict.fromkeys((*self.fields, *(name for name in named if name))))


@runtime_checkable
class DataSource(Protocol):
    """Rows of product text, and what their columns mean."""

    @property
    def layout(self) -> Layout:
        """What the columns mean."""
        ...

    def read(self) -> pl.DataFrame:
        """All rows, with at least the columns of the layout; null where a value is missing.

        If a column `ROW` says which row of its file each is, error messages name it.
        """
        ...

    def content(self) -> Mapping[str, str]:
        """What identifies the rows, for a digest: if it changes, the pool is made again."""
        ...


class SourcePart(NamedTuple):
    """Some rows of a source, and the records among them that cannot be parsed."""

    rows: pl.DataFrame
    """As `DataSource.read` returns them."""
    file: str = ""
    """In a folder, the name of the file that they are from."""
    bad: Sequence[Mapping[str, Any]] = ()
    """`file`, `line`, `reason` and `raw` (the text) of each record that cannot be parsed."""


@runtime_checkable
class HasParts(Protocol):
    """A source of any size, whose rows need not be in memory at once."""

    def parts(self) -> Iterator[SourcePart]:
        """All rows in their order, some at a time."""
        ...


def parts_of(source: DataSource) -> Iterator[SourcePart]:
    """The rows of a source; in one part, unless the source has parts."""
    if isinstance(source, HasParts):
        yield from source.parts()
    else:
        yield SourcePart(source.read())
