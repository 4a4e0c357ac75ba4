"""Distinct patterns of votes: many texts share one, and then cost nothing of their own."""

import numpy as np

from wsal.arrays import ABSTAIN, Votes, Weights
from wsal.label_models.sparse import SparseVotes

PROBE, PAYS = 4096, 0.5  # measured: sorting pays where a probe has half as many patterns as texts


def distinct(votes: SparseVotes) -> tuple[SparseVotes, np.ndarray, Weights]:
    """Patterns, the pattern of each text, and how many texts each pattern has.

    Where a probe of the texts finds few repeats, each text stays a pattern of its own: a million
    texts under 100 rules have 750,000 patterns, and finding those costs more than it saves.

    >>> votes = SparseVotes.of(np.array([[1, -1], [0, 0], [1, -1]], dtype=np.int16))
    >>> patterns, which, counts = distinct(votes)
    >>> len(patterns), len(set(which.tolist())), sorted(counts.tolist())
    (2, 2, [1.0, 2.0])
    """
    n = len(votes)
    probe = votes.take(np.arange(0, n, max(1, n // PROBE)))
    if n == 0 or len(np.unique(probe.codes())) > PAYS * len(probe) > PROBE * PAYS / 2:
        return votes, np.arange(n), np.ones(n)
    _, first, which, counts = np.unique(
        votes.codes(), return_index=True, return_inverse=True, return_counts=True
    )
    return votes.take(first), which.ravel(), counts.astype(np.float64)


def evidence(votes: Votes | SparseVotes, most: int, least: int) -> tuple[SparseVotes, Weights]:
    """Covered texts enough to learn from, and how many texts each of them stands for.

    Of more than `most` texts every k-th is taken, with weight k, beside all texts with a vote of a
    rule that would be left with fewer than `least` votes, with weight 1 (Horvitz and Thompson,
    1952). Only then are dense votes made sparse.
    """
    step = -(-len(votes) // most) if len(votes) else 1
    sample = np.arange(0, len(votes), step)
    weights = np.full(len(sample), float(step))
    chosen = _take(votes, sample)
    if step > 1:
        rare = np.bincount(chosen.rules, minlength=chosen.n_rules) < least
        rows = _voted_on(votes, rare)
        if len(rows):
            sample = np.union1d(sample, rows)
            weights = np.where(np.isin(sample, rows), 1.0, float(step))
            chosen = _take(votes, sample)
    covered = np.flatnonzero(chosen.n_votes)
    return chosen.take(covered), weights[covered]


def _take(votes: Votes | SparseVotes, rows: np.ndarray) -> SparseVotes:
    return votes.take(rows) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[rows])


def _voted_on(votes: Votes | SparseVotes, rules: np.ndarray) -> np.ndarray:
    """The texts on which one of the rules (a mask) voted."""
    if not rules.any():
        return np.empty(0, dtype=np.int64)
    if isinstance(votes, SparseVotes):
        cast = np.flatnonzero(rules[votes.rules])
        return np.unique(np.searchsorted(votes.starts, cast, side="right") - 1)
    return np.unique(np.nonzero(votes[:, rules] != ABSTAIN)[0])
