"""The texts to classify, from a file or from memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wsal.api.tables import as_html
from wsal.arrays import ABSTAIN, Classes
from wsal.data.base import DataSource, Layout
from wsal.data.frames import TableFrame, frame_of
from wsal.data.prepared import prepare_records
from wsal.data.table_file import TableFile

SHOWN = 5  # texts that a notebook shows


class Pool:
    """Texts without gold labels, and splits with gold to measure on where the data has gold.

    Texts are repaired and composed from their fields; equal texts become one. Rows with gold go by
    the hash of their text into test (`test_share`), dev (`dev_share`) or the pool, unless a column
    `split` says where they belong.

    >>> pool = Pool(["red mug", "blue  mug", "red mug"], labels=["Mugs", "Cups"])
    >>> len(pool), pool.labels, pool.texts.to_list()
    (2, ('Mugs', 'Cups'), ['red mug', 'blue mug'])
    """

    def __init__(
        self,
        values: Any,  # noqa: ANN401  whatever holds rows
        *,
        text: str | Sequence[str] = "text",
        label: str | None = None,
        labels: Sequence[str] = (),
        id: str | None = None,  # noqa: A002  as in `data.layout`
        split: str | None = None,
        keep: Sequence[str] = (),
        renamed: Mapping[str, str] | None = None,
        test_share: float = 0.2,
        dev_share: float = 0.0,
        separator: str = " | ",
        seed: int = 0,
    ) -> None:
        """Prepare the texts.

        Args:
            values: a polars or pandas frame, a `datasets.Dataset`, or a list of strings.
            text: the fields composed into the text, in this order.
            label: the column with gold labels, if there is one; null where a row has none.
            labels: the classes; needed where no row has gold.
            id: a column with unique ids; without one, ids are made from the texts.
            split: a column that says train, dev or test.
            keep: further columns that rules may read; the model does not see them.
            renamed: former class names and what they are called now.
            test_share: share of the rows with gold that becomes the test split, in [0, 1].
            dev_share: share that becomes the dev split.
            separator: what stands between two fields in the text.
            seed: of the splits.

        Raises:
            DataError: the values hold no table, a column is missing, or there are no two classes.
        """
        layout = Layout(
            text=(text,) if isinstance(text, str) else tuple(text),
            label=label,
            id=id,
            split=split,
            keep=tuple(keep),
            labels=tuple(labels),
            renamed=renamed,
            test_share=test_share,
            dev_share=dev_share,
            separator=separator,
        )
        self.source = values if isinstance(values, DataSource) else _source(values, layout)
        self.layout = layout
        self.prepared = prepare_records(self.source.read(), layout, seed)

    @classmethod
    def read(cls, path: str | Path, **columns: Any) -> "Pool":  # noqa: ANN401  as for Pool(...)
        """A table in a file or folder: csv, tsv, txt, json, json lines, Parquet, xlsx.

        Takes the same arguments as `Pool(...)`; text files may be compressed.

        Raises:
            DataError: the file is missing, of an unknown kind, or broken.
        """
        return cls(Path(path), **columns)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of every array of probabilities."""
        return self.prepared.labels.names

    @property
    def records(self) -> pl.DataFrame:
        """One row a text: `id`, `text`, `n_copies` (rows of the source), `fields`, `label`."""
        return self.prepared.pool

    @property
    def ids(self) -> pl.Series:
        """The id of each text, `(texts,)`."""
        return self.records["id"]

    @property
    def texts(self) -> pl.Series:
        """Each text, `(texts,)`."""
        return self.records["text"]

    @property
    def gold(self) -> Classes:
        """`(texts,)`: the gold labels that the source brought, -1 where it has none.

        Rules are measured by them. Nothing trains on them.
        """
        return self.records["label"].fill_null(ABSTAIN).to_numpy().astype(np.int64)

    def __len__(self) -> int:
        """How many texts there are to label."""
        return len(self.records)

    def __repr__(self) -> str:
        splits = f"dev {len(self.prepared.dev):,}, test {len(self.prepared.test):,}"
        return f"Pool of {len(self):,} texts ({splits}); {len(self.labels)} classes"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{as_html(self.records.select('id', 'text').head(SHOWN))}"


def _source(values: Any, layout: Layout) -> DataSource:  # noqa: ANN401
    if isinstance(values, Path):
        return TableFile(values, layout)
    return TableFrame(frame_of(values), layout)
