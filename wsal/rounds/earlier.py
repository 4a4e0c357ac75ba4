"""What a stage takes over from the artifact that it made before: the results of known rows.

Rows are recognised by their keys (`row_keys`), wherever they were in the earlier pool.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from wsal.arrays import Rows
from wsal.data.row_keys import KEY, read_keys, rows_among

Kind = Literal["text_keys", "record_keys"]


@dataclass(frozen=True)
class RowsBefore:
    """The rows of a shard in an earlier artifact."""

    rows: Rows
    """`(texts,)`: rows of the earlier artifact, -1 for new ones."""
    shard: int | None
    """The shard that had all these rows, in this order, if there is one."""

    @property
    def is_new(self) -> np.ndarray:
        """`(texts,)`: whether a row was not there."""
        return self.rows < 0


@dataclass(frozen=True)
class Earlier:
    """An earlier artifact of the same stage, and the pool that is worked on now."""

    folder: Path | None
    """None: there is nothing to take over."""
    pool: Path
    kind: Kind
    split: str = "pool"

    @cached_property
    def _now(self) -> list[np.ndarray]:
        return read_keys(self.pool, self.kind, self.split)

    @cached_property
    def _before(self) -> list[np.ndarray]:
        return read_keys(self.folder, self.kind, self.split) if self.folder else []

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """All earlier keys, and what sorts them."""
        keys = np.concatenate([np.empty(0, KEY), *self._before])
        return keys, np.argsort(keys["low"], kind="stable")

    def rows(self, shard: int, n_rows: int) -> RowsBefore:
        """Where the rows of a shard, which has `n_rows`, were before."""
        if not self._before or not self._now:
            return RowsBefore(np.full(n_rows, -1), None)
        keys, first = self._now[shard], 0
        for number, before in enumerate(self._before):
            if len(before) == len(keys) and np.array_equal(before, keys):
                return RowsBefore(np.arange(first, first + len(keys)), number)
            first += len(before)
        return RowsBefore(rows_among(keys, *self._sorted), None)
