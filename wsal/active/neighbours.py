"""Distances between embeddings, in pieces that fit memory.

On one thread: with more, sums of floats come in another order each time, and so would the query.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

PIECE = 2**23  # distances in memory at once


def nearest(texts: np.ndarray, others: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` (or all) others nearest to each text, nearest first, and their distances.

    Both (texts, k). Found by comparing all, a piece at a time; never (texts, others) at once.

    >>> line = np.array([[0.0], [1.0], [5.0]])
    >>> nearest(line[:1], line, 2)
    (array([[0, 1]]), array([[0., 1.]]))
    """
    with threadpool_limits(limits=1):
        index = NearestNeighbors(n_neighbors=min(k, len(others)), algorithm="brute").fit(others)
        distances, found = index.kneighbors(texts)
    return found, distances


def squared_distances(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(points,), to one centre; in float64 if that is what is given.

    >>> squared_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([0.0, 0.0])).tolist()
    [0.0, 25.0]
    """
    lengths = np.einsum("nd,nd->n", points, points)  # einsum: on one thread
    products = np.einsum("nd,d->n", points, centre)
    squares: np.ndarray = np.maximum(lengths - 2 * products + centre @ centre, 0)
    return squares


def n_within(radius: float, points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(points,): how many of the others are nearer to each point than the radius."""
    counts, step = np.zeros(len(points), np.int64), max(1, PIECE // max(1, len(points)))
    lengths, far = (np.einsum("nd,nd->n", some, some) for some in (points, others))
    with threadpool_limits(limits=1):
        for start in range(0, len(others), step):
            piece = slice(start, start + step)
            squares = points @ others[piece].T
            squares *= -2
            squares += lengths[:, None]
            squares += far[piece]
            counts += (squares < radius**2).sum(axis=1)
    return counts
