"""Read the data: clean and compose texts, merge duplicates, split."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from wsal import schemas, tables
from wsal.artifacts import CHECKPOINTS, Facts
from wsal.changes import Changes
from wsal.data.base import DataSource
from wsal.data.keys import SPLITS
from wsal.data.prepared import Preparation, preparation
from wsal.data.reading import BAD_RECORDS, USUAL, Sizes
from wsal.data.records import present_names
from wsal.data.taxonomy import Taxonomy
from wsal.json_files import write_json
from wsal.shards import shard_files, shard_path


def prepare(
    out: Path, *, data: DataSource, changes: Changes | None = None, seed: int, shard_rows: int
) -> Facts:
    """Source rows -> pool.parquet, and dev, test where gold exists; gold.parquet; labels.json.

    A pool with more than `shard_rows` texts has several files; see `wsal.shards`. `gold.parquet`
    holds the gold labels that the source brought for texts of the pool. Nothing trains on it: the
    oracle answers from it, and rules are measured by it. `bad_records.jsonl` has the records that
    could not be parsed, if there are any and the source puts them aside.
    """
    _ = changes
    return write_pool(out, data, seed, shard_rows, USUAL)


def write_pool(out: Path, data: DataSource, seed: int, shard_rows: int, sizes: Sizes) -> Facts:
    """What `prepare` does, with parts and partitions of other sizes."""
    layout = data.layout
    scratch = out / CHECKPOINTS / "prepare"
    shutil.rmtree(scratch, ignore_errors=True)
    made = preparation(data, seed, scratch, sizes)
    shards = _write(made, out, scratch, shard_rows)
    if made.reading.n_bad:
        shutil.move(scratch / BAD_RECORDS, out / BAD_RECORDS)
    write_json(out / "labels.json", list(made.labels.names))
    shutil.rmtree(scratch)
    return {
        "labels": list(made.labels.names),
        "fields": list(layout.fields),
        "renamed": present_names(layout),
        **_tree_facts(layout.tree),
        **({"multilabel": True} if layout.multilabel else {}),
        **made.sizes,
        "n_pool_gold": made.decisions.n_pool_gold,
        "n_rows": made.reading.n_rows,
        "n_without_text": made.n_without_text,
        "n_duplicates": made.n_duplicates,
        "separator": layout.separator,
        "text_fields": list(layout.text),
        **({"n_bad_records": made.reading.n_bad} if made.reading.n_bad else {}),
        **({"rows_of_shards": shards} if len(shards) > 1 else {}),
    }


def _tree_facts(tree: Taxonomy | None) -> Facts:
    """What the pool keeps of a class tree."""
    return {} if tree is None else {"parents": tree.parents, "descriptions": tree.descriptions}


def _write(made: Preparation, out: Path, scratch: Path, shard_rows: int) -> list[int]:
    """Write all tables; returns the rows of each shard of the pool."""
    sizes = {**made.decisions.sizes, "gold": made.decisions.n_pool_gold}
    fields = made.layout.fields
    writers = {}
    for name, n_rows in sizes.items():
        multilabel = made.layout.multilabel
        schema = schemas.records_schema(fields, gold=name != "pool", multilabel=multilabel)
        if name == "gold":
            schema = schemas.MULTILABEL_GOLD if multilabel else schemas.GOLD
        # only the pool may have several files; the others are put together below
        folder = out if name == "pool" or n_rows <= shard_rows else scratch
        writers[name] = _Writer(folder / f"{name}.parquet", schema, n_rows, shard_rows)
    for frames in made.taken():
        for name in SPLITS:
            writers[name].add(frames[name])
        writers["gold"].add(frames["pool"].drop_nulls("label").select("id", "label"))
    for name, writer in writers.items():
        if writer.n_rows or name == "gold":
            writer.close()
        if writer.path.parent == scratch:
            parts = ([pl.read_parquet(file)] for file in shard_files(writer.path))
            tables.write_parts(parts, {out / writer.path.name: writer.schema})
    return writers["pool"].written


@dataclass
class _Writer:
    """Writes a table of `n_rows` rows to files of `shard_rows` rows."""

    path: Path
    schema: schemas.Schema
    n_rows: int
    shard_rows: int
    written: list[int] = field(default_factory=list)
    """The rows of each file so far."""
    _waiting: list[pl.DataFrame] = field(default_factory=list)

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        if frame.is_empty():
            return
        # Even a few filtered rows keep the memory of all strings that they were chosen from.
        self._waiting.append(pl.DataFrame(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))
        while sum(map(len, self._waiting)) > self.shard_rows:
            self._write()

    def close(self) -> None:
        """Write the last file."""
        self._write()

    def _write(self) -> None:
        frame = pl.concat(self._waiting) if self._waiting else pl.DataFrame(schema=self.schema)
        self._waiting = [frame[self.shard_rows :]]
        shard = frame[: self.shard_rows].rechunk()  # row groups must not depend on the parts
        count = max(1, -(-self.n_rows // self.shard_rows))
        path = shard_path(self.path, len(self.written), count)
        tables.write(shard, path, self.schema)
        self.written.append(len(shard))
