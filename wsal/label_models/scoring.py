"""From scores of votes to probabilities of texts, a part at a time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wsal.arrays import Prior, Probs, Votes
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.vote_patterns import distinct

PART = 250_000  # texts at once: bounds memory, and costs nothing


def uniform(n_classes: int, prior: Prior | None) -> Prior:
    """The prior, or the uniform one."""
    return np.full(n_classes, 1 / n_classes) if prior is None else np.asarray(prior, np.float64)


def softmax(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows to distributions.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    powers = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    normal: NDArray[np.floating] = powers / powers.sum(axis=1, keepdims=True)
    return normal


def by_parts(
    votes: Votes | SparseVotes, prior: Prior, judge: Callable[[SparseVotes], np.ndarray]
) -> Probs:
    """`(texts, classes)`: what `judge` makes of each distinct pattern; the prior where none voted.

    `judge` gets votes of some texts, each with at least one, and gives back a distribution a text.
    """
    probs = np.empty((len(votes), len(prior)), dtype=np.float32)
    for first in range(0, len(votes), PART):
        rows = np.arange(first, min(first + PART, len(votes)))
        part = votes.take(rows) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[rows])
        patterns, which, _ = distinct(part)
        covered = patterns.n_votes > 0
        found = np.tile(prior.astype(np.float32), (len(patterns), 1))
        if covered.any():
            found[covered] = judge(patterns.take(np.flatnonzero(covered)))
        probs[rows] = found[which]
    return probs
