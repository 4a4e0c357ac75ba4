"""Distances between embeddings, computed in parts that fit into memory.

All on one thread: with more, floats are added up in another order each time, and queries would not
be reproducible.
"""

import numpy as np
from threadpoolctl import threadpool_limits


def nearest(texts: np.ndarray, others: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` (or all) others nearest to each text, nearest first, and their distances.

    Both are (texts, k). An array of (texts, others) is never held in memory.

    >>> line = np.array([[0.0], [1.0], [5.0]])
    >>> nearest(line[:1], line, 2)
    (array([[0, 1]]), array([[0., 1.]]))
    """
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  takes a second

    with threadpool_limits(limits=1):
        index = NearestNeighbors(n_neighbors=min(k, len(others)), algorithm="brute").fit(others)
        distances, neighbours = index.kneighbors(texts)
    return neighbours, distances
