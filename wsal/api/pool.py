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
from wsal.data.in_memory import prepared_of
from wsal.data.table_file import TableFile
from wsal.files.places import Remote, place_of
from wsal.multilabel import refuse

SHOWN = 5  # texts that a notebook shows


class Pool:
    """The texts to label and, if the data has gold labels, dev and test splits to measure on.

    Texts are repaired and composed from their fields, and equal texts are merged. The hash of its
    text decides whether a row with a gold label goes into the test split (`test_share`), the dev
    split (`dev_share`) or the pool, unless the column `split` says so.

    >>> pool = Pool(["red mug", "blue  mug", "red mug"], labels=["Mugs", "Cups"])
    >>> len(pool), pool.labels, pool.texts.to_list()
    (2, ('Mugs', 'Cups'), ['red mug', 'blue mug'])
    """

    def __init__(
        self,
        values: Any,  # noqa: ANN401  whatever holds rows
        *,
        text: str | Sequence[str] = "text",
        label: str | Sequence[str] | None = None,
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
            text: the fields that make up the text, in this order.
            label: the column with gold labels, if there is one; null in rows without one. Several
                columns, from the root to the leaves, make a class tree.
            labels: the classes; required if no row has a gold label.
            id: the column with unique ids; without one, ids are made from the texts.
            split: the column that says train, dev or test.
            keep: further columns that rules can read; the classifier does not see them.
            renamed: the new name for each old class name.
            test_share: share of the rows with gold labels that become the test split, in [0, 1].
            dev_share: share of these rows that become the dev split.
            separator: put between two fields in the text.
            seed: the seed of the splits.

        Raises:
            ConfigError: the source has several classes per text, which only commands support.
            DataError: `values` is not a table, a column is missing, or there are fewer than two
                classes.
        """
        layout = Layout(
            text=(text,) if isinstance(text, str) else tuple(text),
            label=label if label is None or isinstance(label, str) else tuple(label),
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
        refuse({"multilabel": self.source.layout.multilabel}, "the Python API")
        self.prepared = prepared_of(self.source, seed)

    @classmethod
    def read(cls, path: str | Path, **columns: Any) -> "Pool":  # noqa: ANN401  as for Pool(...)
        """Read a table from a file or folder: csv, tsv, txt, json, JSON lines, Parquet, xlsx.

        Takes the same arguments as `Pool(...)`; text files may be compressed. The path may be an
        address, such as `s3://bucket/folder`.

        Raises:
            DataError: the file is missing, broken, or of an unknown kind.
        """
        return cls(place_of(path), **columns)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of every array of probabilities."""
        return self.prepared.labels.names

    @property
    def records(self) -> pl.DataFrame:
        """One row per text: `id`, `text`, `n_copies` (rows of the source), `fields`, `label`."""
        return self.prepared.pool

    @property
    def ids(self) -> pl.Series:
        """The id of each text, `(texts,)`."""
        return self.records["id"]

    @property
    def texts(self) -> pl.Series:
        """The texts, `(texts,)`."""
        return self.records["text"]

    @property
    def gold(self) -> Classes:
        """The gold labels that came with the data, `(texts,)`; -1 where there is none.

        They measure the rules. Nothing trains on them.
        """
        return self.records["label"].fill_null(ABSTAIN).to_numpy().astype(np.int64)

    def __len__(self) -> int:
        """The number of texts to label."""
        return len(self.records)

    def __repr__(self) -> str:
        splits = f"dev {len(self.prepared.dev):,}, test {len(self.prepared.test):,}"
        return f"Pool of {len(self):,} texts ({splits}); {len(self.labels)} classes"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{as_html(self.records.select('id', 'text').head(SHOWN))}"


def _source(values: Any, layout: Layout) -> DataSource:  # noqa: ANN401
    if isinstance(values, Path | Remote):
        return TableFile(values if isinstance(values, Path) else str(values), layout)
    return TableFrame(frame_of(values), layout)
