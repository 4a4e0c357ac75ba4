"""Bring any source into the one shape every later stage reads."""

from pathlib import Path

import polars as pl

from wsal import tables
from wsal.artifacts import Facts, write_json
from wsal.data.base import DataSource
from wsal.data.records import label_set, present_names, to_records
from wsal.data.splits import assign_splits, empty_pool, keep_once
from wsal.errors import DataError


def prepare(out: Path, *, data: DataSource, seed: int) -> Facts:
    """Source rows -> pool.parquet, and dev, test where gold exists; gold.parquet; labels.json.

    `gold.parquet` holds the gold labels that the source brought for texts of the pool. Nothing
    trains on it: the oracle answers from it, and rules are measured by it.
    """
    layout = data.layout
    rows = to_records(data.read(), layout)
    records = rows.drop_nulls("text")
    if records.is_empty():
        raise DataError(f"no row has text in {list(layout.text)}; name other fields")
    labels = label_set(records, layout)
    records = assign_splits(records, layout, seed)
    numbers = {name: i for i, name in enumerate(labels.names)}
    as_class = pl.col("label").replace_strict(numbers, return_dtype=pl.Int16)
    facts: Facts = {"labels": list(labels.names), "fields": list(layout.fields)}
    facts["renamed"] = present_names(layout)
    for split in ("pool", "dev", "test"):
        table = keep_once(records, split).with_columns(as_class)
        facts[f"n_{split}"] = len(table)
        if split == "pool":
            if table.is_empty():
                raise empty_pool(layout)
            gold = table.drop_nulls("label")
            tables.write(gold, out / "gold.parquet", tables.GOLD)
            facts["n_pool_gold"] = len(gold)
        if split == "pool" or len(table):
            schema = tables.records_schema(layout.fields, gold=split != "pool")
            tables.write(table, out / f"{split}.parquet", schema)
    write_json(out / "labels.json", list(labels.names))
    kept = facts["n_pool"] + facts["n_dev"] + facts["n_test"]
    return facts | {
        "n_rows": len(rows),
        "n_without_text": len(rows) - len(records),
        "n_duplicates": len(records) - kept,
        "separator": layout.separator,
        "text_fields": list(layout.text),
    }
