"""The files of a pool, and which of them an earlier pool has with the same rows.

Whatever was changed, the decisions about all rows are made again. A file is identified by a
digest of those about its rows, and only files that the earlier pool does not have are written.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wsal.artifacts import Artifact
from wsal.data.batches import Periods
from wsal.data.decisions import Decisions
from wsal.data.keys import NONE, SPLITS
from wsal.data.row_keys import COLUMNS, keys_file
from wsal.shards import link, shard_path

ROWS_OF_FILES = "rows_of_files"
"""The fact of a pool that has a digest of the rows of each file, by its name."""


def in_tables(kept: np.ndarray, n_labels: int) -> dict[str, np.ndarray]:
    """Which texts each table of a pool has, a mask `(texts,)` for each.

    Args:
        kept: decisions; see `decisions.KEPT`.
        n_labels: the label of texts that belong to no class.
    """
    is_none = kept["label"] == n_labels
    has_class = ~is_none & (kept["label"] != NONE)
    in_split = {name: kept["split"] == number for number, name in enumerate(SPLITS)}
    with_class = {name: in_split[name] & has_class for name in SPLITS[1:]}
    in_pool = in_split["pool"]
    return {"pool": in_pool, **with_class, "none": is_none, "gold": in_pool & has_class}


def cut(n_rows: int, most: int) -> list[int]:
    """The number of rows of each file, if a file has at most `most`.

    >>> cut(5, 2), cut(0, 2)
    ([2, 2, 1], [])
    """
    return [min(most, n_rows - first) for first in range(0, n_rows, most)]


class PoolFiles:
    """The files of all tables of a pool, which are filled with rows in their order."""

    def __init__(
        self, sizes: Mapping[str, Sequence[int]], shard_rows: int, earlier: Artifact | None
    ) -> None:
        """Lay out the files.

        Args:
            sizes: the rows of each file of each table.
            shard_rows: the most rows that are written together.
            earlier: the pool that was made before.
        """
        self.sizes = sizes
        self.digests: dict[str, str] = {}
        """For each file that has rows, what identifies them."""
        self.same: dict[str, Path] = {}
        """Files, and those of the earlier pool that are the same."""
        self._shard_rows, self._earlier = shard_rows, earlier
        self._n_filled = dict.fromkeys(sizes, 0)

    def recognise(
        self,
        decisions: Decisions,
        n_labels: int,
        periods: Periods,
        period_digests: Sequence[str],
        *,
        has_ids: bool,
    ) -> None:
        """Set the digests of all files, and find the same files in the earlier pool.

        Args:
            decisions: about all rows.
            n_labels: the label of texts that belong to no class.
            periods: which rows are from which batch.
            period_digests: for each period, what identifies the rows up to its end.
            has_ids: whether the data has ids; otherwise they are made from the texts.
        """
        hashes = {
            name: [hashlib.sha256(f"{name} {min(n, self._shard_rows)}".encode()) for n in of]
            for name, of in self.sizes.items()
        }
        numbers = np.array([int(digest, 16) for digest in period_digests], np.uint64).view(np.int64)
        for part in range(len(decisions.kept.ends) - 1):
            kept, repeats = decisions.kept.of_part(part), decisions.repeats.of_part(part)
            source, nth = kept["source"], np.zeros(len(kept), np.int64)
            period = periods.of(source)
            # The number in its id is known in another part: every batch counts as a change.
            period[(kept["row"] != source) & (not has_ids)] = len(period_digests) - 1
            is_repeat = np.isin(source, repeats["row"])
            nth[is_repeat] = repeats["nth"][np.searchsorted(repeats["row"], source[is_repeat])]
            for name, is_here in in_tables(kept, n_labels).items():
                label = kept["label"] * (name != "pool")
                columns = (numbers[period], source, kept["n_copies"], label, kept["split"], nth)
                rows = np.column_stack([column[is_here] for column in columns])
                files = self._files_of(name, len(rows))
                for file in np.unique(files):
                    hashes[name][file].update(rows[files == file].tobytes())
        self._n_filled = dict.fromkeys(self.sizes, 0)
        self.digests = {
            self.name(name, number): hashes[name][number].hexdigest()
            for name, of in self.sizes.items()
            for number, n_rows in enumerate(of)
            if n_rows
        }
        if self._earlier:
            then = self._earlier.facts.get(ROWS_OF_FILES, {})
            names = {digest: self._earlier.path / name for name, digest in then.items()}
            self.same = {n: names[digest] for n, digest in self.digests.items() if digest in names}

    def name(self, table: str, number: int) -> str:
        """The name of a file of a table."""
        return shard_path(Path(f"{table}.parquet"), number, len(self.sizes[table])).name

    def to_write(self, table: str) -> list[int]:
        """The numbers of the files of a table that have to be written."""
        numbers = range(len(self.sizes[table]))
        return [number for number in numbers if self.name(table, number) not in self.same]

    def rows_to_write(self, of_table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Of the next texts, given as by `in_tables`, those that have to be written."""
        wanted = {name: is_here.copy() for name, is_here in of_table.items()}
        for name, is_here in of_table.items():
            files = self._files_of(name, int(is_here.sum()))
            wanted[name][is_here] = np.isin(files, self.to_write(name))
        return wanted

    def link(self, out: Path) -> None:
        """Take over the files that are the same, and the keys of their rows."""
        for name, file in self.same.items():
            link(file, out / name)
            table = name.partition(".")[0].partition("-")[0]
            for kind in COLUMNS if table in SPLITS else ():
                stem = keys_file(kind, table).removesuffix(".npy")
                now, then = (f"{stem}{n.removeprefix(table)}" for n in (name, file.name))
                link(file.with_name(then).with_suffix(".npy"), (out / now).with_suffix(".npy"))

    def _files_of(self, table: str, n_rows: int) -> np.ndarray:
        """The number of the file that each of the next rows is in, `(n_rows,)`."""
        rows = np.arange(self._n_filled[table], self._n_filled[table] + n_rows)
        self._n_filled[table] += n_rows
        return np.searchsorted(np.cumsum(self.sizes[table]), rows, side="right")
