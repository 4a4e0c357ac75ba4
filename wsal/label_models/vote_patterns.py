"""Distinct vote patterns: texts with equal votes are computed once."""

import numpy as np

from wsal.arrays import Weights
from wsal.label_models.sparse import SparseVotes

PROBE_SIZE = 4096  # texts that are checked for repeated patterns
LEAST_OF_TERM = 20  # votes of a term in a sample: it leans on its rule, so that few are enough
WORTH_SORTING = 0.5  # measured: sorting pays if a probe has at most half as many patterns as texts


def distinct_patterns(votes: SparseVotes) -> tuple[SparseVotes, np.ndarray, Weights]:
    """The patterns, the pattern of each text `(texts,)`, and how many texts each pattern has.

    If a probe of the texts shows few repeats, every text stays a pattern of its own: a million
    texts under 100 rules have 750,000 patterns, and finding those costs more than it saves.

    >>> votes = SparseVotes.of(np.array([[1, -1], [0, 0], [1, -1]], dtype=np.int16))
    >>> patterns, pattern_of_text, counts = distinct_patterns(votes)
    >>> len(patterns), len(set(pattern_of_text.tolist())), sorted(counts.tolist())
    (2, 2, [1.0, 2.0])
    """
    n = len(votes)
    probe = votes.take(np.arange(0, n, max(1, n // PROBE_SIZE)))
    n_patterns = len(np.unique(probe.codes()))
    large = len(probe) > PROBE_SIZE / 2  # a small probe shows too little, and sorting is cheap
    if n == 0 or (n_patterns > WORTH_SORTING * len(probe) and large):
        return votes, np.arange(n), np.ones(n)
    _, first, pattern_of_text, counts = np.unique(
        votes.codes(), return_index=True, return_inverse=True, return_counts=True
    )
    return votes.take(first), pattern_of_text.ravel(), counts.astype(np.float64)


def learning_sample(votes: SparseVotes, most: int, least: int) -> tuple[SparseVotes, Weights]:
    """Covered texts to learn from, and how many texts each of them stands for.

    Label models learn from such a sample because it is as good as all of a million texts, and ten
    times faster. Of more than `most` texts, every k-th is taken with weight k, plus, with weight
    1, every text with a vote of a rule that would be left with fewer than `least` votes, or of a
    term with fewer than `LEAST_OF_TERM` (Horvitz and Thompson, 1952).
    """
    step = -(-len(votes) // most) if len(votes) else 1
    rows = np.arange(0, len(votes), step)
    weights = np.full(len(rows), float(step))
    sample = votes.take(rows)
    if step > 1:
        rare_rows = _rows_with_rare(votes, sample, least)
        if votes.by_term and sample.by_term:
            of_terms = votes.by_term.votes, sample.by_term.votes
            rare_rows = np.union1d(rare_rows, _rows_with_rare(*of_terms, min(least, LEAST_OF_TERM)))
        if len(rare_rows):
            rows = np.union1d(rows, rare_rows)
            weights = np.where(np.isin(rows, rare_rows), 1.0, float(step))
            sample = votes.take(rows)
    covered = np.flatnonzero(sample.n_votes)
    return sample.take(covered), weights[covered]


def _rows_with_rare(votes: SparseVotes, sample: SparseVotes, least: int) -> np.ndarray:
    """The texts with a vote of a rule with fewer than `least` votes in the sample, ascending."""
    is_rare = np.bincount(sample.rules, minlength=sample.n_rules) < least
    cast = np.flatnonzero(is_rare[votes.rules])
    return np.unique(np.searchsorted(votes.starts, cast, side="right") - 1)
