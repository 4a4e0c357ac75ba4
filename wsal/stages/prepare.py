"""Read the data: clean and compose texts, merge duplicates, split."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.changes import Changes, ClassEdit
from wsal.data.base import DataSource, Layout
from wsal.data.batches import APPENDED, Batches, first_file
from wsal.data.edited_classes import class_facts
from wsal.data.keys import SPLITS
from wsal.data.pool_files import ROWS_OF_FILES, PoolFiles, cut
from wsal.data.prepared import NO_BATCHES, Preparation, preparation
from wsal.data.reading import BAD_RECORDS, CLEANED, USUAL, Sizes
from wsal.data.row_keys import COLUMNS, keys_file, read_keys, write_keys
from wsal.digests import MANIFEST
from wsal.json_files import write_json
from wsal.rules.base import ALL_UP_TO, OF_MORE
from wsal.shards import link, shard_files, shard_path

POOL = "pool"  # the artifact that `prepare` makes


def prepare(
    out: Path,
    *,
    data: DataSource,
    changes: Changes | None = None,
    seed: int,
    shard_rows: int,
    origin: str | None = None,
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

    `origin` identifies the data and the seed: rows that were cleaned before are not read again, and
    files of the earlier pool that would be the same are reused. Without it, neither happens.
    """
    batches, edits = (changes.batches, changes.classes) if changes else ((), ())
    run_dir = out.parent
    has_pool = origin is not None and (run_dir / POOL / MANIFEST).exists()
    return write_pool(
        out,
        data,
        seed,
        shard_rows,
        USUAL,
        Batches(batches, run_dir / APPENDED),
        edits,
        cleaned=None if origin is None else run_dir / CLEANED,
        origin=origin or "",
        earlier=Artifact.open(run_dir / POOL) if has_pool else None,
    )


def write_pool(
    out: Path,
    data: DataSource,
    seed: int,
    shard_rows: int,
    sizes: Sizes,
    batches: Batches = NO_BATCHES,
    edits: Sequence[ClassEdit] = (),
    *,
    cleaned: Path | None = None,
    origin: str = "",
    earlier: Artifact | None = None,
) -> Facts:
    """What `prepare` does, with parts and partitions of other sizes; see `preparation`."""
    layout = data.layout
    scratch = out / CHECKPOINTS / "prepare"
    shutil.rmtree(scratch, ignore_errors=True)
    made = preparation(data, seed, scratch, sizes, batches, edits, cleaned, origin)
    files = made.files(shard_rows, earlier)
    files.link(out)
    _write(made, files, out, scratch, shard_rows)
    if made.reading.bad_records:
        link(made.reading.bad_records, out / BAD_RECORDS)
    write_json(out / "labels.json", list(made.labels.names))
    facts = _period_facts(made)
    if made.periods:
        _write_first(made, out)
    shutil.rmtree(scratch)
    shards = files.sizes["pool"]
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
        ROWS_OF_FILES: files.digests,
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


def _write(made: Preparation, files: PoolFiles, out: Path, scratch: Path, shard_rows: int) -> None:
    """Write the files that the earlier pool does not have."""
    writers = {}
    for name, sizes in files.sizes.items():
        schema = _schema(name, made.layout)
        # only the pool may have several files; the others are put together below
        if name != "pool" and sum(sizes) > shard_rows and files.to_write(name):
            cuts = cut(sum(sizes), shard_rows)
            writers[name] = _Writer(scratch / f"{name}.parquet", schema, cuts, range(len(cuts)))
        else:
            writers[name] = _Writer(out / f"{name}.parquet", schema, sizes, files.to_write(name))
    for frames in made.taken(files):
        for name, writer in writers.items():
            writer.add(frames[name])
    for name, writer in writers.items():
        if name == "gold" and not sum(writer.sizes):
            tables.write(pl.DataFrame(schema=writer.schema), writer.path, writer.schema)
        if writer.path.parent == scratch:
            parts = ([pl.read_parquet(file)] for file in shard_files(writer.path))
            tables.write_parts(parts, {out / writer.path.name: writer.schema})
            for kind in COLUMNS if name in SPLITS else ():
                file = keys_file(kind, name)
                np.save(out / file, np.concatenate(read_keys(scratch, kind, name)))


def _schema(table: str, layout: Layout) -> schemas.Schema:
    if table == "gold":
        return schemas.MULTILABEL_GOLD if layout.multilabel else schemas.GOLD
    if table == "none":
        return schemas.without_class(layout.fields)
    gold = table != "pool"
    return schemas.records_schema(layout.fields, gold=gold, multilabel=layout.multilabel)


@dataclass
class _Writer:
    """Writes some files of a table, and the keys of their rows."""

    path: Path
    schema: schemas.Schema
    sizes: Sequence[int]
    """The rows of each file."""
    to_write: Sequence[int]
    """The files that are written, in their order."""
    _n_written: int = 0
    _waiting: list[pl.DataFrame] = field(default_factory=list)

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows of these files."""
        if frame.is_empty():
            return
        # Even a few filtered rows keep the memory of all strings that they were chosen from.
        self._waiting.append(pl.DataFrame(frame.to_arrow(compat_level=pl.CompatLevel.oldest())))
        while self._n_written < len(self.to_write):
            number = self.to_write[self._n_written]
            if sum(map(len, self._waiting)) < self.sizes[number]:
                return
            self._write(number)
            self._n_written += 1

    def _write(self, number: int) -> None:
        frame, n_rows = pl.concat(self._waiting), self.sizes[number]
        self._waiting = [frame[n_rows:]]
        shard = frame[:n_rows].rechunk()  # row groups must not depend on the parts
        tables.write(shard, shard_path(self.path, number, len(self.sizes)), self.schema)
        if self.path.stem in SPLITS:
            write_keys(shard, self.path.parent, self.path.stem, number, len(self.sizes))
