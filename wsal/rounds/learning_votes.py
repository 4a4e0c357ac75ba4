"""The votes that a label model learns from: all or, of a large pool, those of some shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wsal.arrays import Rows
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.vote_tables import Part, parts_at, parts_of

LEARN_FROM = 5_000_000  # texts at most, if the pool has several shards

ReadVotes = Callable[[Part], SparseVotes]
"""From a part of the pool to the votes on it."""


@dataclass(frozen=True)
class LearningVotes:
    """Votes on some texts of the pool."""

    votes: SparseVotes
    rows: Rows
    """`(texts,)`: the row of each text in the pool; in any order."""

    @classmethod
    def read(cls, read: ReadVotes, sizes: Sequence[int], known: Rows) -> "LearningVotes":
        """The votes on whole shards, evenly spaced, and on the texts in the rows `known`.

        Args:
            read: reads votes.
            sizes: the rows of each shard.
            known: rows whose class is known. These texts are rare, and tell the most.
        """
        shards, firsts = shards_to_learn_from(sizes), np.cumsum([0, *sizes])
        rows = np.concatenate([np.arange(firsts[k], firsts[k + 1]) for k in shards])
        more = np.setdiff1d(known, rows)
        parts = [*parts_of(sizes, shards), *(parts_at(more, sizes) if len(more) else ())]
        votes = SparseVotes.joined([read(part) for part in parts])
        return cls(votes, np.concatenate([rows, more]).astype(np.int64))

    def places(self, rows: Rows) -> Rows:
        """Where the texts of these rows of the pool stand here; all of them must be here."""
        order = np.argsort(self.rows, kind="stable")
        return order[np.searchsorted(self.rows, rows, sorter=order)]


def shards_to_learn_from(sizes: Sequence[int]) -> list[int]:
    """All shards or, if they have more than 5,000,000 rows, as many as fit, evenly spaced.

    >>> shards_to_learn_from([900, 100]), shards_to_learn_from([1_000_000] * 12)
    ([0, 1], [0, 2, 4, 7, 9])
    """
    n = max(len(sizes) * LEARN_FROM // max(sum(sizes), 1), 1)
    return [i * len(sizes) // n for i in range(n)] if n < len(sizes) else list(range(len(sizes)))


def votes_at(read: ReadVotes, sizes: Sequence[int], rows: Rows) -> SparseVotes:
    """The votes on these rows of the pool, in their order."""
    ascending, places = np.unique(rows, return_inverse=True)
    parts = parts_at(ascending, sizes) if len(rows) else [Part(0, range(0))]
    return SparseVotes.joined([read(part) for part in parts]).take(places)
