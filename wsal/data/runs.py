"""More keys than memory holds, in hash partitions: equal keys are in the same partition."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Runs:
    """Arrays with a field `low`, which are added in the order of the rows.

    Whenever `rows_of_run` keys are waiting, they are sorted by partition and written to a file, a
    run. A partition consists of a slice of every run, in order, so it is in the order of the
    rows. Keys that fit into one run stay in memory and are one partition.
    """

    folder: Path
    name: str
    dtype: np.dtype
    rows_of_run: int
    n_partitions: int
    _waiting: list[np.ndarray] = field(default_factory=list)
    _bounds: list[np.ndarray] = field(default_factory=list)  # of each run's partitions

    def add(self, keys: np.ndarray) -> None:
        """Add keys."""
        self._waiting.append(keys)
        if sum(map(len, self._waiting)) >= self.rows_of_run:
            self._write()

    def partitions(self) -> Iterator[np.ndarray]:
        """The keys of each partition."""
        if not self._bounds:
            yield np.concatenate([np.empty(0, self.dtype), *self._waiting])
            return
        self._write()
        for partition in range(self.n_partitions):
            parts = []
            for number, bounds in enumerate(self._bounds):
                run = np.load(self._file(number), mmap_mode="r", allow_pickle=False)
                parts.append(np.array(run[bounds[partition] : bounds[partition + 1]]))
            yield np.concatenate(parts)

    def _write(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate(self._waiting)
        self._waiting.clear()
        partition = (keys["low"] % self.n_partitions).astype(np.uint16)
        order = np.argsort(partition, kind="stable")
        np.save(self._file(len(self._bounds)), keys[order], allow_pickle=False)
        counts = np.bincount(partition, minlength=self.n_partitions)
        self._bounds.append(np.concatenate([[0], np.cumsum(counts)]))

    def _file(self, number: int) -> Path:
        return self.folder / f"{self.name}-{number:05}.npy"
