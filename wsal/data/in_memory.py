"""The rows of a small source, prepared in memory."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from wsal.data.base import DataSource
from wsal.data.keys import SPLITS
from wsal.data.prepared import preparation
from wsal.data.reading import USUAL, Sizes
from wsal.labels import LabelSet


@dataclass(frozen=True)
class Prepared:
    """Texts to label, texts with gold to measure on, and how many rows they came from.

    Tables have the columns `id`, `text`, `n_copies`, `fields` and `label` (a class, or null).
    """

    labels: LabelSet
    pool: pl.DataFrame
    dev: pl.DataFrame
    test: pl.DataFrame
    n_duplicates: int

    @property
    def sizes(self) -> dict[str, int]:
        """`n_pool`, `n_dev`, `n_test`: texts in each table."""
        return {"n_pool": len(self.pool), "n_dev": len(self.dev), "n_test": len(self.test)}


def prepared_of(source: DataSource, seed: int, sizes: Sizes = USUAL) -> Prepared:
    """The rows of a source, prepared in memory; see `preparation`.

    Raises:
        DataError: as for `preparation`.
    """
    with TemporaryDirectory() as folder:
        made = preparation(source, seed, Path(folder), sizes)
        parts = list(made.taken())
    tables = {name: pl.concat([part[name] for part in parts]).rechunk() for name in SPLITS}
    return Prepared(made.labels, **tables, n_duplicates=made.n_duplicates)
