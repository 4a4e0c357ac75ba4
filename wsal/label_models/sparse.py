"""Votes as they are at scale: few a text, so only those that were cast are held."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wsal.arrays import ABSTAIN, Vote, Votes

DRAWS = 2**63 - 1


@dataclass(frozen=True)
class SparseVotes:
    """The votes cast, text by text: those of text `i` lie from `starts[i]` to `starts[i + 1]`.

    >>> votes = SparseVotes.of(np.array([[-1, 2], [-1, -1], [0, 1]], dtype=np.int16))
    >>> votes.starts.tolist(), votes.rules.tolist(), votes.classes.tolist()
    ([0, 1, 1, 3], [1, 0, 1], [2, 0, 1])
    """

    starts: NDArray[np.int64]  # (texts + 1,)
    rules: NDArray[np.int32]  # (votes,): who voted
    classes: NDArray[np.int16]  # (votes,): for what
    n_rules: int

    @classmethod
    def of(cls, votes: "Votes | SparseVotes") -> "SparseVotes":
        """The same votes; a dense matrix `(texts, rules)` is gone through a part at a time."""
        if isinstance(votes, SparseVotes):
            return votes
        n, m = votes.shape
        step = max(1, 2**22 // max(m, 1))
        counts, rules, classes = [np.zeros(1, np.int64)], [], []
        for first in range(0, n, step):
            part = votes[first : first + step]
            cast = part != ABSTAIN
            counts.append(np.count_nonzero(cast, axis=1))
            rules.append(np.nonzero(cast)[1].astype(np.int32))
            classes.append(part[cast].astype(np.int16, copy=False))
        none: list[np.ndarray] = [np.empty(0, np.int32)]
        return cls(
            np.cumsum(np.concatenate(counts)),
            np.concatenate(rules or none),
            np.concatenate(classes or none).astype(np.int16, copy=False),
            m,
        )

    @classmethod
    def of_columns(cls, columns: Iterable[Vote], n_texts: int) -> "SparseVotes":
        """The same votes from what each rule says `(texts,)`, a rule at a time."""
        said, classes, ends = [np.empty(0, np.int32)], [np.empty(0, np.int16)], [0]
        for column in columns:
            rows = np.flatnonzero(column != ABSTAIN)
            said.append(rows.astype(np.int32))
            classes.append(column[rows])
            ends.append(ends[-1] + len(rows))
        parts = (np.concatenate(classes), np.concatenate(said), np.array(ends))
        by_text = sparse.csc_matrix(parts, (n_texts, len(ends) - 1)).tocsr()
        return cls(
            by_text.indptr.astype(np.int64), by_text.indices.astype(np.int32), by_text.data,
            len(ends) - 1,
        )  # fmt: skip

    def __len__(self) -> int:
        """How many texts there are, voted on or not."""
        return len(self.starts) - 1

    @property
    def n_votes(self) -> NDArray[np.int64]:
        """`(texts,)`: how many rules voted."""
        return np.diff(self.starts)

    def take(self, rows: np.ndarray) -> "SparseVotes":
        """The votes on some of the texts, in the order of `rows`."""
        n_votes = self.n_votes[rows]
        starts = np.concatenate([[0], np.cumsum(n_votes)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], n_votes)
        return SparseVotes(starts, self.rules[places], self.classes[places], self.n_rules)

    def indicators(self, n_classes: int) -> sparse.csr_matrix:
        """`(texts, rules * classes)` of 0 and 1: whether rule j said class c, at j * classes + c.

        What most label models do is a product with this matrix.
        """
        columns = self.rules.astype(np.int64) * n_classes + self.classes
        shape = (len(self), self.n_rules * n_classes)
        kind = np.int32 if max(shape) < 2**31 and len(columns) < 2**31 else np.int64
        ones = np.ones(len(columns), dtype=np.float32)
        return sparse.csr_matrix((ones, columns.astype(kind), self.starts.astype(kind)), shape)

    def codes(self) -> NDArray[np.uint64]:
        """`(texts,)`: a number that two texts share if the same rules said the same of them.

        The sum of one random number a (rule, class): that two patterns meet by chance among ten
        million has a chance of 3e-6.
        """
        top = int(self.classes.max(initial=0)) + 1
        numbers = np.random.default_rng(0).integers(DRAWS, size=self.n_rules * top, dtype=np.uint64)
        summed = np.concatenate(
            [np.zeros(1, np.uint64), np.cumsum(numbers[self.rules * top + self.classes])]
        )
        sums: NDArray[np.uint64] = summed[self.starts[1:]] - summed[self.starts[:-1]]
        return sums
