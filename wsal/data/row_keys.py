"""The keys of the rows of a pool, by which a stage recognises what it has worked on before.

A stage whose work on a row depends on the row alone keeps the keys of its rows, and takes over the
results of the rows that it had before. There are two kinds of keys: of the text, and of the whole
record (id, text and fields), which is what rules see. A key has 128 bits; see `keys`.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from wsal.data.keys import hashes
from wsal.shards import shard_files, shard_path, stacked

KEY = np.dtype([("low", "u8"), ("high", "u8")])
COLUMNS: Mapping[str, tuple[str, str]] = {
    "text_keys": ("text_low", "text_high"),
    "record_keys": ("record_low", "record_high"),
}
"""For each kind, the columns of the key's halves."""
MISSING = "\x00"  # clean values have no such characters
BETWEEN = "\x1f"


def keys_file(kind: str, split: str) -> str:
    """The name of the file with the keys of a split.

    >>> keys_file("text_keys", "pool"), keys_file("text_keys", "dev")
    ('text_keys.npy', 'text_keys_dev.npy')
    """
    return f"{kind}.npy" if split == "pool" else f"{kind}_{split}.npy"


def with_keys(records: pl.DataFrame) -> pl.DataFrame:
    """Records (`id`, `text`, `fields`), and the columns of their keys."""
    fields = records["fields"].struct.unnest()
    values = [records["id"], *(fields[name].fill_null(MISSING) for name in fields.columns)]
    whole = pl.select(pl.concat_str(values, separator=BETWEEN)).to_series()
    columns: dict[str, pl.Series] = {}
    for names, strings in zip(COLUMNS.values(), (records["text"], whole), strict=True):
        halves = hashes(strings)
        columns |= {name: pl.Series(halves[:, i].copy()) for i, name in enumerate(names)}
    return records.with_columns(**columns)


def keys_of_texts(texts: pl.Series) -> np.ndarray:
    """`(texts,)` of `KEY`."""
    return np.ascontiguousarray(hashes(texts)).view(KEY)[:, 0]


def keys_in(frame: pl.DataFrame, kind: str) -> np.ndarray:
    """`(rows,)` of `KEY`, from the columns of `with_keys`."""
    keys = np.empty(len(frame), KEY)
    for half, name in zip(KEY.names or (), COLUMNS[kind], strict=True):
        keys[half] = frame[name].to_numpy()
    return keys


def write_keys(frame: pl.DataFrame, folder: Path, split: str, number: int, count: int) -> None:
    """Write the keys of shard `number` of `count`."""
    for kind in COLUMNS:
        path = shard_path(folder / keys_file(kind, split), number, count)
        np.save(path, keys_in(frame, kind), allow_pickle=False)


def read_keys(folder: Path, kind: str, split: str) -> list[np.ndarray]:
    """The keys of each shard, read through memory maps; empty if there are none."""
    files = shard_files(folder / keys_file(kind, split))
    return [np.load(f, mmap_mode="r", allow_pickle=False) for f in files if f.exists()]


def keys_at(folder: Path, kind: str, split: str, rows: np.ndarray) -> np.ndarray | None:
    """The keys of some rows of a split, `(rows,)`; None if there are none."""
    keys = read_keys(folder, kind, split)
    return np.asarray(stacked(keys)[rows]) if keys else None


def keep_keys(pool: Path, out: Path, kind: str, split: str) -> None:
    """Copy the keys of a split from the pool to an artifact."""
    for file in shard_files(pool / keys_file(kind, split)):
        if file.exists():  # not in pools made by hand
            shutil.copyfile(file, out / file.name)


def rows_among(keys: np.ndarray, earlier: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The row of each key among the earlier ones, -1 where there is none; `(keys,)`.

    `order` sorts `earlier["low"]`. Of several equal keys, the last in that order counts.
    """
    if not len(earlier):
        return np.full(len(keys), -1, np.int64)
    place = np.searchsorted(earlier["low"], keys["low"], side="right", sorter=order) - 1
    rows = order[np.maximum(place, 0)]
    same = (earlier["low"][rows] == keys["low"]) & (earlier["high"][rows] == keys["high"])
    return np.where(same, rows, -1)
