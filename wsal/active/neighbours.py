"""Distances between embeddings, computed in parts that fit into memory.

All on one thread: with more, floats are added up in another order each time, and queries would not
be reproducible.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

PIECE = 2**23  # distances in memory at once


def nearest(texts: np.ndarray, others: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` (or all) others nearest to each text, nearest first, and their distances.

    Both are (texts, k). An array of (texts, others) is never held in memory.

    >>> line = np.array([[0.0], [1.0], [5.0]])
    >>> nearest(line[:1], line, 2)
    (array([[0, 1]]), array([[0., 1.]]))
    """
    with threadpool_limits(limits=1):
        index = NearestNeighbors(n_neighbors=min(k, len(others)), algorithm="brute").fit(others)
        distances, neighbours = index.kneighbors(texts)
    return neighbours, distances


def squared_distances(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The squared distance of each point to one centre, `(points,)`, in the points' precision.

    >>> squared_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([0.0, 0.0])).tolist()
    [0.0, 25.0]
    """
    lengths = np.einsum("nd,nd->n", points, points)  # einsum uses one thread
    products = np.einsum("nd,d->n", points, centre)
    squares: np.ndarray = np.maximum(lengths - 2 * products + centre @ centre, 0)
    return squares


def n_within(radius: float, points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many of the others are nearer to each point than the radius, `(points,)`."""
    counts = np.zeros(len(points), np.int64)
    step = max(1, PIECE // max(1, len(points)))
    lengths = np.einsum("nd,nd->n", points, points)
    other_lengths = np.einsum("nd,nd->n", others, others)
    with threadpool_limits(limits=1):
        for start in range(0, len(others), step):
            piece = slice(start, start + step)
            squares = points @ others[piece].T
            squares *= -2
            squares += lengths[:, None]
            squares += other_lengths[piece]
            counts += (squares < radius**2).sum(axis=1)
    return counts
