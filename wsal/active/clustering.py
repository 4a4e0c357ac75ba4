"""k-means clusters of embeddings."""

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from wsal.arrays import Classes, Embeddings, Scores


def cluster(
    embeddings: Embeddings, n_clusters: int, rng: np.random.Generator, weights: Scores | None = None
) -> tuple[Classes, np.ndarray]:
    """The cluster of each text, in [0, n_clusters), and its squared distance to the centre.

    There are at most as many clusters as texts. Runs on one thread: with more, floats are added up
    in another order each time, and the query would not be reproducible.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415  takes a second
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    n_clusters = min(n_clusters, len(embeddings))
    points = embeddings.astype(np.float64)
    model = KMeans(n_clusters, n_init=1, random_state=int(rng.integers(2**31)))
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # if many texts are equal
        member = model.fit_predict(points, sample_weight=weights).astype(np.int64)
    return member, ((points - model.cluster_centers_[member]) ** 2).sum(axis=1)
