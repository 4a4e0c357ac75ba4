"""From a source's rows to the pool and the splits with gold."""

from dataclasses import dataclass

import polars as pl

from wsal.data.base import Layout
from wsal.data.records import label_set, to_records
from wsal.data.splits import assign_splits, empty_pool, keep_once
from wsal.errors import DataError
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
    n_rows: int
    n_without_text: int

    @property
    def pool_gold(self) -> pl.DataFrame:
        """Gold labels that the source brought for texts of the pool. Nothing trains on them."""
        return self.pool.drop_nulls("label").select("id", "label")

    @property
    def sizes(self) -> dict[str, int]:
        """`n_pool`, `n_dev`, `n_test`: texts in each table."""
        return {"n_pool": len(self.pool), "n_dev": len(self.dev), "n_test": len(self.test)}

    @property
    def n_duplicates(self) -> int:
        """Rows whose text another row has."""
        kept = sum(self.sizes.values())
        return self.n_rows - self.n_without_text - kept


def prepare_records(rows: pl.DataFrame, layout: Layout, seed: int) -> Prepared:
    """Clean the rows, find the classes, split by text, keep each text once.

    Raises:
        DataError: a column is missing, no row has text, or no row is left for the pool.
    """
    all_records = to_records(rows, layout)
    records = all_records.drop_nulls("text")
    if records.is_empty():
        raise DataError(f"no row has text in {list(layout.text)}; name other fields")
    labels = label_set(records, layout)
    records = assign_splits(records, layout, seed)
    numbers = {name: number for number, name in enumerate(labels.names)}
    as_class = pl.col("label").replace_strict(numbers, return_dtype=pl.Int16)
    splits = {
        name: keep_once(records, name).with_columns(as_class) for name in ("pool", "dev", "test")
    }
    if splits["pool"].is_empty():
        raise empty_pool(layout)
    return Prepared(labels, **splits, n_rows=len(rows), n_without_text=len(rows) - len(records))
