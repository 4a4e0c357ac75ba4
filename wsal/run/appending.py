"""Check a batch of records against the pool of a run, count what it would do, and keep a copy."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import read_annotations
from wsal.artifacts import Artifact
from wsal.changes import Batch
from wsal.data.base import ROW, Layout
from wsal.data.batches import batch_rows, missing_fields
from wsal.data.class_history import ClassHistory, Edits, edits_in
from wsal.data.edited_classes import known_classes
from wsal.data.keys import SPLITS
from wsal.data.records import to_records
from wsal.digests import file_digest
from wsal.errors import SHOWN, DataError, in_words
from wsal.files import numbered_table
from wsal.json_files import fsync
from wsal.labels import LabelSet
from wsal.run.batch_labels import unknown_with_rows
from wsal.shards import shard_files
from wsal.text import same_text

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass(frozen=True)
class Count:
    """What the records of a batch are to a run."""

    n_records: int
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    """The same record, or by text one more copy of a text."""
    withdrawn: int = 0
    absent: int = 0
    """Of those to withdraw, records that the run does not have."""
    without_text: int = 0
    by: str = "id"

    @property
    def changes_anything(self) -> bool:
        """Whether the run would be another one."""
        return bool(self.new + self.changed + self.withdrawn)

    def in_words(self) -> str:
        """The counts that are not zero.

        >>> Count(3, new=2, unchanged=1).in_words()
        '3 records: 2 new, 1 unchanged'
        """
        same = "unchanged" if self.by == "id" else "copies of texts that are there"
        names = {
            "new": self.new,
            "changed": self.changed,
            same: self.unchanged,
            "withdrawn": self.withdrawn,
            "not in the run": self.absent,
            "without text": self.without_text,
        }
        parts = ", ".join(f"{n:,} {name}" for name, n in names.items() if n)
        return f"{self.n_records:,} record{'s' * (self.n_records != 1)}: {parts}"


def checked(
    path: Path,
    batch: Batch,
    layout: Layout,
    pool: Artifact,
    classes: ClassHistory,
    *,
    is_current: bool = True,
) -> tuple[Count, pl.Series]:
    """What a batch would do to a run, and the texts that it would withdraw.

    Unless the pool `is_current`, it has records of a batch that was taken back.

    `classes` are the present ones; the pool may have been made before their last edits. Rows that
    were merged with others of the same text are not looked at: their ids count as new.

    Raises:
        DataError: columns or ids are missing, ids occur twice or (by text) are those of other
            records, labels are not classes, or records of the run would lose a kept field.
    """
    rows = batch_rows(path, batch, layout)
    try:
        records = to_records(rows, layout).with_columns(rows[ROW])
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if batch.withdraw and batch.by == "id":
        records = records.with_columns(text=pl.lit(""))
    n, records = len(records), records.drop_nulls("text")
    count = Count(n, without_text=n - len(records), by=batch.by)
    by_id = batch.by == "id"
    problems: list[str] = []
    if layout.id and not (batch.withdraw and not by_id):
        problems += _ids_twice(records, layout.id)
    if layout.id and not by_id and not batch.withdraw and is_current:
        problems += _ids_of_run(records["id"], pool, layout.id)
    problems += (of_labels := unknown_with_rows(records, classes))
    if problems:
        advice = known_classes(classes) if of_labels else ""
        raise DataError(f"{path}: {in_words(problems)}{advice}")
    key = records["id"] if by_id else same_text(records["text"])
    there = _there(pool, key.unique().to_list(), by_id=by_id)
    answers = LabelSet.of_pool(pool.facts).answers
    names = pl.Series([None if code is None else answers[code] for code in there["label"]])
    there = there.with_columns(label=_present(names, classes, edits_in(pool.facts)))
    records = records.with_columns(label=_present(records["label"], classes))
    is_there = key.is_in(there["key"].implode())
    n_there = int(is_there.sum())
    if batch.withdraw:
        return replace(count, withdrawn=n_there, absent=len(records) - n_there), there["text"]
    nothing = pl.Series([], dtype=pl.String)
    if not by_id:
        new = key.filter(~is_there).n_unique()
        return replace(count, new=new, unchanged=len(records) - new), nothing
    if n_there and (lost := missing_fields(path, layout)):
        raise DataError(
            f"{path} has no column {lost[0]!r}, and {n_there:,} of its records are in the run, "
            "where they would lose this field; add the column, or leave these records out"
        )
    same = _same(records.filter(is_there), there, batch)
    new = len(records) - n_there
    return replace(count, new=new, changed=n_there - same, unchanged=same), nothing


def has_column(path: Path, name: str | None) -> bool:
    """Whether a table has a column."""
    return name is not None and name in numbered_table(path).frame.columns


def keep_copy(path: Path, batch: Batch, folder: Path) -> Batch:
    """Copy the file of a batch into the run; returns the batch with the name of the copy.

    Raises:
        DataError: the file was changed meanwhile.
    """
    folder.mkdir(exist_ok=True)
    numbers = [int(p.name[:3]) for p in folder.iterdir() if p.name[:3].isdecimal()]
    suffixes = path.suffixes[-2:] if path.suffix.lower() in COMPRESSED else path.suffixes[-1:]
    name = f"{max(numbers, default=0) + 1:03d}{''.join(suffixes)}"
    unfinished = folder / f".{name}.unfinished"
    shutil.copyfile(path, unfinished)
    fsync(unfinished)
    if file_digest(unfinished) != batch.digest:
        unfinished.unlink()
        raise DataError(f"{path} changed while it was read; nothing was recorded; try again")
    unfinished.rename(folder / name)
    fsync(folder)
    return replace(batch, file=name)


def answers_to(run_dir: Path, texts: pl.Series) -> int:
    """How many answers of people in finished rounds are to these texts."""
    n, keys = 0, same_text(texts).implode()
    for path in sorted(run_dir.glob("rounds/*/annotations/annotations.parquet")):
        answers = read_annotations(path)
        n += int(same_text(answers["text"]).is_in(keys).sum())
    return n


def _there(pool: Artifact, keys: Sequence[str], *, by_id: bool) -> pl.DataFrame:
    """The records of the run with these ids or texts: `key`, `id`, `text`, `fields`, `label`.

    The label is a code, as `LabelSet` has it.
    """
    wanted, names = pl.Series(keys, dtype=pl.String).implode(), ["id", "text", "fields"]
    gold = tables.read(pool.path / "gold.parquet").with_columns(pl.col("label").cast(pl.Int64))
    frames = []
    if (none := pool.path / "none.parquet").exists():  # texts of no class
        code = pl.lit(len(pool.facts["labels"]), pl.Int64)
        rows = pl.read_parquet(none, columns=[*names, "split"]).with_columns(label=code)
        is_in_pool = rows["split"] == "pool"  # these are in the pool's table, too
        gold = pl.concat([gold, rows.filter(is_in_pool).select("id", "label")])
        others = rows.filter(~is_in_pool)
        key = others["id"] if by_id else same_text(others["text"])
        mine = others.with_columns(key=key).filter(key.is_in(wanted))
        frames.append(mine.select("key", *names, "label"))
    for split in SPLITS:
        path = pool.path / f"{split}.parquet"
        if not shard_files(path)[0].exists():
            continue
        places = [np.empty(0, np.int64)]
        for first, part in tables.parts(path, ["id" if by_id else "text"]):
            key = part["id"] if by_id else same_text(part["text"])
            places.append(first + np.flatnonzero(key.is_in(wanted).to_numpy()))
        columns = [*names, *(["label"] if split != "pool" else [])]
        mine = tables.take(path, np.concatenate(places), columns)
        mine = mine.with_columns(key=mine["id"] if by_id else same_text(mine["text"]))
        if split == "pool":
            mine = mine.join(gold, on="id", how="left", maintain_order="left")
        frames.append(mine.select("key", *names, pl.col("label").cast(pl.Int64)))
    return pl.concat(frames, how="vertical_relaxed")


def _same(records: pl.DataFrame, there: pl.DataFrame, batch: Batch) -> int:
    """How many records have the same fields and label as the run has under their ids."""
    columns = ["key", "fields", "label"]
    both = (
        records.rename({"id": "key"})
        .select(columns)
        .join(there.select(columns), on="key", how="left", suffix="_then", maintain_order="left")
    )
    same = pl.col("fields").eq_missing(pl.col("fields_then"))
    if batch.with_labels:
        same &= pl.col("label").eq_missing(pl.col("label_then"))
    return int(both.select(same.sum()).item())


def _present(labels: pl.Series, classes: ClassHistory, then: Edits = ()) -> pl.Series:
    """Their present names; null for what is no class any more."""
    given = labels.drop_nulls().unique().to_list()
    names = {name: classes.present(name, then) for name in given}
    present = {name: None if classes.is_former(new) else new for name, new in names.items()}
    return labels.cast(pl.String).replace_strict(present, default=None, return_dtype=pl.String)


def _ids_twice(records: pl.DataFrame, column: str) -> list[str]:
    rows = records.group_by("id", maintain_order=True).agg(ROW).filter(pl.col(ROW).list.len() > 1)
    twice = [f"{name!r} (rows {', '.join(map(str, at[:SHOWN]))})" for name, at in rows.iter_rows()]
    if not twice:
        return []
    which = f"{len(twice):,} ids occur" if len(twice) > 1 else "an id occurs"
    return [f"{which} several times in column {column!r}: {_some(twice)}; ids must be unique"]


def _ids_of_run(ids: pl.Series, pool: Artifact, column: str) -> list[str]:
    there = _there(pool, ids.to_list(), by_id=True)["id"].unique(maintain_order=True)
    if there.is_empty():
        return []
    names = _some([repr(name) for name in there])
    return [
        f"the run already has records with these values of {column!r}: {names}; with --by text, "
        "ids must be new; use --by id to change records"
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
