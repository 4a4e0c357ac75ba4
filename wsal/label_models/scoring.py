"""From a label model's posterior for votes to the probabilities of all texts."""

from collections.abc import Callable

import numpy as np

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.sparse import SparseVotes, as_sparse
from wsal.label_models.vote_patterns import distinct_patterns

PART = 250_000  # texts processed at once: bounds memory and costs no time


def prior_or_uniform(n_classes: int, prior: Prior | None) -> Prior:
    """The prior `(classes,)`, or the uniform distribution if it is None."""
    return np.full(n_classes, 1 / n_classes) if prior is None else np.asarray(prior, np.float64)


def predict_in_parts(
    votes: Votes | SparseVotes, prior: Prior, posterior: Callable[[SparseVotes], np.ndarray]
) -> Probs:
    """`(texts, classes)`: `posterior` of each distinct pattern; the prior where no rule voted.

    Args:
        votes: of all texts; they are processed in parts, so memory does not grow with them.
        prior: `(classes,)`.
        posterior: given votes of texts that each have at least one, returns `(texts, classes)`.
    """
    votes = as_sparse(votes, len(prior))
    probs = np.empty((len(votes), len(prior)), dtype=np.float32)
    for first in range(0, len(votes), PART):
        rows = np.arange(first, min(first + PART, len(votes)))
        patterns, pattern_of_text, _ = distinct_patterns(votes.take(rows))
        covered = patterns.n_votes > 0
        pattern_probs = np.tile(prior.astype(np.float32), (len(patterns), 1))
        if covered.any():
            pattern_probs[covered] = posterior(patterns.take(np.flatnonzero(covered)))
        probs[rows] = pattern_probs[pattern_of_text]
    return probs


def covered_gold(
    votes: SparseVotes, gold: Classes | None, n_classes: int
) -> tuple[SparseVotes, Classes]:
    """The votes on texts that have both a vote and gold, and the classes or codes of the gold.

    Without texts of no class, whose code is `n_classes`.
    """
    if gold is None:
        return votes.take(np.empty(0, np.int64)), np.empty(0, np.int64)
    rows = np.flatnonzero((gold >= 0) & (gold != n_classes) & (votes.n_votes > 0))
    return votes.take(rows), gold[rows]
