"""Datasets in several files: how the files are named, and arrays in them that are read as one.

A dataset at `pool.parquet` is that file or, if it has several shards, `pool-00000.parquet`,
`pool-00001.parquet` and so on. Row n of the dataset is the n-th row of all files in this order.
"""

import shutil
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from wsal.errors import ConfigError

DIGITS = 5  # of a shard's number
MOST = 10**DIGITS  # shards of a dataset


def shard_path(path: Path, number: int, count: int) -> Path:
    """The file of shard `number`, from 0, of a dataset with `count` shards.

    Raises:
        ConfigError: there are more shards than names.

    >>> shard_path(Path("pool.parquet"), 0, 1).name, shard_path(Path("pool.parquet"), 3, 12).name
    ('pool.parquet', 'pool-00003.parquet')
    """
    if count > MOST:
        raise ConfigError(
            f"{path} would have {count:,} files, and {MOST:,} are the most; set a larger shard_rows"
        )
    name, _, suffixes = path.name.partition(".")
    return path if count == 1 else path.with_name(f"{name}-{number:0{DIGITS}}.{suffixes}")


def shard_files(path: Path) -> list[Path]:
    """The files of the dataset at `path`, in order; `[path]` if there is none."""
    if path.exists():
        return [path]
    name, _, suffixes = path.name.partition(".")
    pattern = f"{escape(name)}-{'[0-9]' * DIGITS}.{escape(suffixes)}"
    return sorted(path.parent.glob(pattern)) or [path]


def link(file: Path, name: Path) -> None:
    """Give a file a second name; on a file system without links, it is copied."""
    try:
        name.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, name)


@dataclass(frozen=True)
class Stacked:
    """Arrays one below the other, read as one array; each may be a memory map.

    >>> stacked = Stacked([np.array([[0, 1]]), np.array([[2, 3], [4, 5]])])
    >>> stacked.shape, stacked[np.array([2, 0])].tolist(), stacked[1:3].tolist()
    ((3, 2), [[4, 5], [0, 1]], [[2, 3], [4, 5]])
    """

    parts: Sequence[np.ndarray]

    @cached_property
    def bounds(self) -> list[int]:
        """The first row of each part, and the number of all rows."""
        return [0, *np.cumsum([len(part) for part in self.parts]).tolist()]

    def __len__(self) -> int:
        return self.bounds[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> Any:  # noqa: ANN401  as numpy has it
        """As of an array."""
        return self.parts[0].dtype

    def __getitem__(self, rows: Any) -> np.ndarray:  # noqa: ANN401  as numpy has it
        """The rows at a number, a slice, or an array of numbers or of bools; they are copied.

        A slice within one part is not copied.
        """
        if isinstance(rows, slice):
            return self._of_slice(*rows.indices(len(self)))
        if np.ndim(rows) == 0:
            return np.asarray(self[np.array([rows])][0])
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        if len(rows) and not -len(self) <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of an array with {len(self)}")
        rows = np.where(rows < 0, rows + len(self), rows)
        taken = np.empty((len(rows), *self.shape[1:]), self.dtype)
        part_of_row = np.searchsorted(self.bounds, rows, side="right") - 1
        for part in np.unique(part_of_row):
            mine = part_of_row == part
            taken[mine] = self.parts[part][rows[mine] - self.bounds[part]]
        return taken

    def _of_slice(self, start: int, stop: int, step: int) -> np.ndarray:
        if step != 1:
            return self[np.arange(start, stop, step)]
        pieces, number = [], bisect_right(self.bounds, start) - 1
        while start < stop:
            first, end = self.bounds[number], min(self.bounds[number + 1], stop)
            pieces.append(self.parts[number][start - first : end - first])
            start, number = max(start, end), number + 1
        if len(pieces) == 1:
            return np.asarray(pieces[0])
        return np.concatenate([np.empty((0, *self.shape[1:]), self.dtype), *pieces])


def stacked(parts: Sequence[np.ndarray]) -> Any:  # noqa: ANN401  an array, or what reads like one
    """The only part, or a `Stacked` of several."""
    return parts[0] if len(parts) == 1 else Stacked(parts)


def read_array(path: Path) -> Any:  # noqa: ANN401  an array, or what reads like one
    """The array in the `.npy` file, or files, at `path`, read through memory maps."""
    files = shard_files(path)
    return stacked([np.load(file, mmap_mode="r", allow_pickle=False) for file in files])
