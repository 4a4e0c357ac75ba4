"""Read the data: clean and compose texts, merge duplicates, split."""

from pathlib import Path

from wsal import tables
from wsal.artifacts import Facts
from wsal.data.base import DataSource
from wsal.data.prepared import prepare_records
from wsal.data.records import present_names
from wsal.json_files import write_json


def prepare(out: Path, *, data: DataSource, seed: int) -> Facts:
    """Source rows -> pool.parquet, and dev, test where gold exists; gold.parquet; labels.json.

    `gold.parquet` holds the gold labels that the source brought for texts of the pool. Nothing
    trains on it: the oracle answers from it, and rules are measured by it.
    """
    layout = data.layout
    prepared = prepare_records(data.read(), layout, seed)
    splits = {"pool": prepared.pool, "dev": prepared.dev, "test": prepared.test}
    for name, table in splits.items():
        if len(table):
            schema = tables.records_schema(layout.fields, gold=name != "pool")
            tables.write(table, out / f"{name}.parquet", schema)
    tables.write(prepared.pool_gold, out / "gold.parquet", tables.GOLD)
    write_json(out / "labels.json", list(prepared.labels.names))
    return {
        "labels": list(prepared.labels.names),
        "fields": list(layout.fields),
        "renamed": present_names(layout),
        **prepared.sizes,
        "n_pool_gold": len(prepared.pool_gold),
        "n_rows": prepared.n_rows,
        "n_without_text": prepared.n_without_text,
        "n_duplicates": prepared.n_duplicates,
        "separator": layout.separator,
        "text_fields": list(layout.text),
    }
