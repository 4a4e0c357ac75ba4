"""A shortlist of a large pool: the texts that the classifier itself should score."""

import numpy as np

from wsal.active.proxy import AT_ONCE, Proxy, scan
from wsal.arrays import Classes, Embeddings, Rows, Scores

RARE = 3  # a class with at most this many gold labels is rare
SHARES = {"uncertain": 0.5, "disputed": 0.2, "rare": 0.1}
"""Of the list; the rest is drawn at random."""


def shortlist(
    embeddings: Embeddings,
    remaining: Rows,
    disputes: Scores,
    rare: Embeddings,
    proxy: Proxy,
    size: int,
    rng: np.random.Generator,
) -> Rows:
    """`size` rows of the `remaining` ones, ascending, found in one linear pass over the embeddings.

    Args:
        embeddings: of the whole pool; may be a memory map.
        remaining: rows that may be chosen, ascending.
        disputes: `(remaining,)`, 0 or more: how far rules disagree on each.
        rare: `(labelled, dims)`, the embeddings of labelled texts of rare classes.
        proxy: of the current classifier.
        size: of the list.
        rng: for ties and for the random part.

    Returns:
        Half of the list are the rows that the proxy is least certain of; a fifth the most disputed
        ones; a tenth those nearest to `rare` (AnchorAL, Lesci and Vlachos, 2024); the rest is drawn
        at random.
    """
    if len(remaining) <= size:
        return remaining
    scores, _ = scan(proxy, embeddings, remaining)
    chosen = np.zeros(len(remaining), dtype=bool)
    _choose(chosen, scores, int(SHARES["uncertain"] * size), rng)
    disputed = np.where(disputes > 0, disputes + scores, -np.inf)
    _choose(chosen, disputed, int(SHARES["disputed"] * size), rng)
    if len(rare):
        _choose(chosen, nearness(embeddings, remaining, rare), int(SHARES["rare"] * size), rng)
    others = np.flatnonzero(~chosen)
    chosen[rng.permutation(others)[: size - int(chosen.sum())]] = True
    return remaining[chosen]


def nearness(embeddings: Embeddings, rows: Rows, anchors: Embeddings) -> Scores:
    """The cosine similarity of each row to its nearest anchor, `(rows,)`."""
    cosines = np.empty(len(rows), dtype=np.float32)
    for first in range(0, len(rows), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        cosines[part] = (embeddings[rows[part]].astype(np.float32) @ anchors.T).max(axis=1)
    return cosines


def rare_rows(gold: Classes) -> Rows:
    """The positions of gold labels whose class has at most `RARE` of them."""
    counts = np.bincount(gold)
    return np.flatnonzero(counts[gold] <= RARE)


def _choose(chosen: np.ndarray, scores: Scores, n: int, rng: np.random.Generator) -> None:
    """Mark as chosen the `n` highest scores that are not; ties are random, -inf is never chosen."""
    free = np.flatnonzero(~chosen & np.isfinite(scores))
    if n <= 0 or not len(free):
        return
    n = min(n, len(free))
    ranking = scores[free] + rng.random(len(free), dtype=np.float32) * np.float32(1e-6)
    chosen[free[np.argpartition(-ranking, n - 1)[:n]]] = True
