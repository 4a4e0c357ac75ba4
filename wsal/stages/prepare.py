"""Read the data: clean and compose texts, merge duplicates, split."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.artifacts import CHECKPOINTS, Facts
from wsal.changes import Changes, ClassEdit
from wsal.data.base import DataSource
from wsal.data.batches import APPENDED, Batches, first_file
from wsal.data.edited_classes import class_facts
from wsal.data.keys import SPLITS
from wsal.data.prepared import NO_BATCHES, Preparation, preparation
from wsal.data.reading import BAD_RECORDS, USUAL, Sizes
from wsal.data.row_keys import COLUMNS, keys_file, read_keys, write_keys
from wsal.json_files import write_json
from wsal.rules.base import ALL_UP_TO, OF_MORE
from wsal.shards import shard_files, shard_path


def prepare(
    out: Path, *, data: DataSource, changes: Changes | None = None, seed: int, shard_rows: int
) -> Facts:
    """Source rows -> pool.parquet, and dev, test where gold exists; gold.parquet; labels.json.

    A pool with more than `shard_rows` texts has several files; see `wsal.shards`. `gold.parquet`
    holds the gold labels that the source brought for texts of the pool. Nothing trains on it: the
    oracle answers from it, and rules are measured by it. `none.parquet` has the texts whose gold
    label says that they belong to no class, if there are any: those of dev and test are in no other
    table. `bad_records.jsonl` has the records that could not be parsed, if there are any and the
    source puts them aside.

    Each batch of records that was appended has files of its own, after those of the data. Rules
    learn from texts in `first.parquet`, which does not depend on batches.
    """
    batches, edits = (changes.batches, changes.classes) if changes else ((), ())
    folder = out.parent / APPENDED
    return write_pool(out, data, seed, shard_rows, USUAL, Batches(batches, folder), edits)


def write_pool(
    out: Path,
    data: DataSource,
    seed: int,
    shard_rows: int,
    sizes: Sizes,
    batches: Batches = NO_BATCHES,
    edits: Sequence[ClassEdit] = (),
) -> Facts:
    """What `prepare` does, with parts and partitions of other sizes."""
    layout = data.layout
    scratch = out / CHECKPOINTS / "prepare"
    shutil.rmtree(scratch, ignore_errors=True)
    made = preparation(data, seed, scratch, sizes, batches, edits)
    shards = _write(made, out, scratch, shard_rows)
    if made.reading.n_bad:
        shutil.move(scratch / BAD_RECORDS, out / BAD_RECORDS)
    write_json(out / "labels.json", list(made.labels.names))
    facts = _period_facts(made)
    if made.periods:
        _write_first(made, out)
    shutil.rmtree(scratch)
    return {
        **class_facts(made.classes, layout),
        "fields": list(layout.fields),
        **({"multilabel": True} if layout.multilabel else {}),
        **made.sizes,
        "n_pool_gold": made.decisions.n_pool_gold,
        **({"n_gold_left_out": made.decisions.n_lost} if made.classes.edits else {}),
        "n_rows": made.reading.n_rows,
        "n_without_text": made.n_without_text,
        "n_duplicates": made.n_duplicates,
        "separator": layout.separator,
        "text_fields": list(layout.text),
        **({"n_bad_records": made.reading.n_bad} if made.reading.n_bad else {}),
        **({"n_without_class": made.n_without_class} if made.n_without_class else {}),
        **({"rows_of_shards": shards} if len(shards) > 1 else {}),
        **facts,
    }


def _period_facts(made: Preparation) -> Facts:
    """What the pool keeps of batches; nothing if there are none.

    `periods` has a name and the number of texts for each period: the rows of period 0 come first.
    """
    if not made.periods:
        return {}
    decisions = made.decisions
    names = zip(made.periods.names, decisions.sizes_of_periods, strict=True)
    return {
        "periods": [{"name": name, "n_texts": n} for name, n in names],
        "n_first": decisions.first_sizes,
        "n_replaced": decisions.n_replaced,
    }


def _write_first(made: Preparation, out: Path) -> None:
    """Write the sample of each split that rules learn from, as it is without batches."""
    schema = schemas.records_schema(made.layout.fields, gold=False)
    schema = {name: schema[name] for name in ("id", "text", "fields")}
    for split, n in made.decisions.first_sizes.items():
        if n:
            parts = ([frame] for frame in made.first(split, ALL_UP_TO, OF_MORE))
            tables.write_parts(parts, {out / first_file(split): schema})


def _write(made: Preparation, out: Path, scratch: Path, shard_rows: int) -> list[int]:
    """Write all tables; returns the rows of each shard of the pool."""
    n_texts = {split: made.sizes[f"n_{split}"] for split in SPLITS}
    sizes = {**n_texts, "gold": made.decisions.n_pool_gold, "none": made.n_without_class}
    writers = {}
    for name, n_rows in sizes.items():
        fields, multilabel = made.layout.fields, made.layout.multilabel
        schema = schemas.records_schema(fields, gold=name != "pool", multilabel=multilabel)
        if name == "gold":
            schema = schemas.MULTILABEL_GOLD if multilabel else schemas.GOLD
        if name == "none":
            schema = schemas.without_class(made.layout.fields)
        # only the pool may have several files; the others are put together below
        folder = out if name == "pool" or n_rows <= shard_rows else scratch
        periods = made.decisions.sizes_of_periods if name == "pool" else [n_rows]
        writers[name] = _Writer(folder / f"{name}.parquet", schema, periods, shard_rows)
    for frames in made.taken():
        for name in (*SPLITS, "none"):
            writers[name].add(frames[name])
        writers["gold"].add(frames["pool"].drop_nulls("label").select("id", "label"))
    for name, writer in writers.items():
        if name == "gold" and not writer.written:
            tables.write(pl.DataFrame(schema=writer.schema), writer.path, writer.schema)
        if writer.path.parent == scratch:
            parts = ([pl.read_parquet(file)] for file in shard_files(writer.path))
            tables.write_parts(parts, {out / writer.path.name: writer.schema})
            for kind in COLUMNS if name in SPLITS else ():
                file = keys_file(kind, name)
                np.save(out / file, np.concatenate(read_keys(scratch, kind, name)))
    return writers["pool"].written


@dataclass
class _Writer:
    """Writes a table, period by period, to files of `shard_rows` rows, and the keys of its rows."""

    path: Path
    schema: schemas.Schema
    periods: Sequence[int]
    """The rows of each period; no file has rows of two."""
    shard_rows: int
    written: list[int] = field(default_factory=list)
    """The rows of each file so far."""
    _waiting: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sizes = [
            min(self.shard_rows, n_rows - first)
            for n_rows in self.periods
            for first in range(0, n_rows, self.shard_rows)
        ]

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows."""
        if frame.is_empty():
            return
        # Even a few filtered rows keep the memory of all strings that they were chosen from.
        self._waiting.append(pl.DataFrame(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))
        while self._sizes and sum(map(len, self._waiting)) >= self._sizes[len(self.written)]:
            self._write(self._sizes[len(self.written)])
            if len(self.written) == len(self._sizes):
                return

    def _write(self, n_rows: int) -> None:
        frame = pl.concat(self._waiting)
        self._waiting = [frame[n_rows:]]
        shard = frame[:n_rows].rechunk()  # row groups must not depend on the parts
        number, count = len(self.written), len(self._sizes)
        tables.write(shard, shard_path(self.path, number, count), self.schema)
        if self.path.stem in SPLITS:
            write_keys(shard, self.path.parent, self.path.stem, number, count)
        self.written.append(n_rows)
