"""Distinct rows of a vote matrix: many texts share one pattern of votes."""

import numpy as np

from wsal.arrays import Votes


def distinct(votes: Votes) -> tuple[Votes, np.ndarray, np.ndarray]:
    """The distinct patterns, the pattern of each text, and how many texts each pattern has.

    Costs that depend on the texts then depend on the patterns: 12 to 160 times fewer on the
    published rule sets.

    >>> patterns, which, counts = distinct(np.array([[1, -1], [0, 0], [1, -1]], dtype=np.int16))
    >>> bool((patterns[which] == [[1, -1], [0, 0], [1, -1]]).all()), counts.tolist()
    (True, [1, 2])
    """
    n, m = votes.shape
    if m == 0 or n == 0:
        return votes[:1], np.zeros(n, dtype=np.int64), np.full(min(n, 1), n)
    rows = np.ascontiguousarray(votes).view(np.dtype((np.void, votes.itemsize * m))).ravel()
    _, first, which, counts = np.unique(
        rows, return_index=True, return_inverse=True, return_counts=True
    )
    return votes[first], which.ravel(), counts
