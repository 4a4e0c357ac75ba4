"""Search the shards of a pool for the texts of a shortlist."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.active.shortlist import Search, merged, search
from wsal.arrays import Mask
from wsal.artifacts import CHECKPOINTS
from wsal.launch.sealing import Facts, Shard, WorkOnShard
from wsal.launch.shards import work_on_shards
from wsal.rounds.disagreement import disputed
from wsal.settings import LauncherSettings
from wsal.shards import shard_files

LISTED_FILE = "listed.npy"


@dataclass(frozen=True)
class SearchWork:
    """From the embeddings and votes of a shard to the rows that rank highest."""

    wanted: Search
    embeddings: Path
    votes: Path
    members: Mask | None = None
    """`(codes, classes)`, if votes may be for parents."""

    def start(self) -> WorkOnShard:
        """Open the embeddings."""
        arrays = [np.load(file, mmap_mode="r") for file in shard_files(self.embeddings)]
        return partial(self._search, arrays, np.cumsum([0, *map(len, arrays)]).tolist())

    def _search(self, arrays: Sequence[np.ndarray], firsts: Sequence[int], shard: Shard) -> Facts:
        vectors, first = arrays[shard.number], firsts[shard.number]
        is_disputed = None
        if self.wanted.use_disputes and self.wanted.size and tables.rule_names(self.votes):
            votes = tables.vote_columns(self.votes, first, len(vectors))
            is_disputed = disputed(votes, self.members) > 0
        listed = search(self.wanted, vectors, is_disputed, first, shard.advance)
        np.save(shard.folder / LISTED_FILE, listed, allow_pickle=False)
        return {}


def search_shards(
    wanted: Search,
    out: Path,
    embeddings: Path,
    votes: Path,
    launcher: LauncherSettings,
    members: Mask | None = None,
) -> np.ndarray:
    """The rows of all shards that rank highest: what `search` returns for the whole pool.

    `out` is the unfinished folder of an artifact; the lists of shards do not become part of it.
    """
    folder = out / CHECKPOINTS / "search"
    for file in folder.glob(f"*{Path(LISTED_FILE).suffix}"):  # of a command that was killed
        file.unlink()
    sizes = [len(np.load(file, mmap_mode="r")) for file in shard_files(embeddings)]
    work = SearchWork(wanted, embeddings, votes, members)
    work_on_shards(work, sizes, folder, "search the pool", launcher)
    files = shard_files(folder / LISTED_FILE)
    return merged(wanted, (np.load(file, allow_pickle=False) for file in files))
