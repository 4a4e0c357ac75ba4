"""Of a large pool, the texts worth the classifier's own look."""

import numpy as np

from wsal.active.proxy import AT_ONCE, Proxy, scan
from wsal.arrays import Classes, Embeddings, Rows, Scores

RARE = 3  # a class with at most so many gold labels is rare
SHARES = {"unsure": 0.5, "doubted": 0.2, "rare": 0.1}
"""Of the list; the rest is drawn at random."""


def shortlist(
    embeddings: Embeddings,
    left: Rows,
    doubts: Scores,
    rare: Embeddings,
    proxy: Proxy,
    size: int,
    rng: np.random.Generator,
) -> Rows:
    """`size` rows of `left` (ascending): one linear pass over them, whatever else is done.

    Half of them the proxy is least sure of; a fifth have most `doubts` `(left,)`, those without any
    doubt left out; a tenth lie nearest to the labelled texts of rare classes, `rare`
    `(labelled, dims)` (AnchorAL, Lesci & Vlachos, 2024); the rest is drawn at random.
    """
    if len(left) <= size:
        return left
    scores, _ = scan(proxy, embeddings, left)
    chosen = np.zeros(len(left), dtype=bool)
    _mark(chosen, scores, int(SHARES["unsure"] * size), rng)
    doubted = np.where(doubts > 0, doubts + scores, -np.inf)
    _mark(chosen, doubted, int(SHARES["doubted"] * size), rng)
    if len(rare):
        near = nearness(embeddings, left, rare)
        _mark(chosen, near, int(SHARES["rare"] * size), rng)
    others = np.flatnonzero(~chosen)
    chosen[rng.permutation(others)[: size - int(chosen.sum())]] = True
    return left[chosen]


def nearness(embeddings: Embeddings, rows: Rows, anchors: Embeddings) -> Scores:
    """The cosine of each row's vector with the nearest anchor, `(rows,)`."""
    found = np.empty(len(rows), dtype=np.float32)
    for first in range(0, len(rows), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        found[part] = (embeddings[rows[part]].astype(np.float32) @ anchors.T).max(axis=1)
    return found


def rare_rows(gold: Classes) -> Rows:
    """The positions of gold labels whose class has few of them."""
    counts = np.bincount(gold)
    return np.flatnonzero(counts[gold] <= RARE)


def _mark(chosen: np.ndarray, scores: Scores, n: int, rng: np.random.Generator) -> None:
    """Mark the `n` highest that are not marked; equal ones by chance; never one of -inf."""
    open_ = np.flatnonzero(~chosen & np.isfinite(scores))
    if n <= 0 or not len(open_):
        return
    n = min(n, len(open_))
    wanted = scores[open_] + rng.random(len(open_), dtype=np.float32) * np.float32(1e-6)
    chosen[open_[np.argpartition(-wanted, n - 1)[:n]]] = True
