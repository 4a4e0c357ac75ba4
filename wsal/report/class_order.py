"""An order of the classes in which similar ones are neighbours."""

import numpy as np

from wsal.arrays import Embeddings, Probs
from wsal.inspection.run_view import RunView
from wsal.rounds.evaluation_frame import pool_probs
from wsal.seeding import random_rows, rng
from wsal.shards import read_array

SAMPLE = 20_000  # texts of the pool that show where a class lies


def centroids(vectors: Embeddings, probs: Probs) -> np.ndarray:
    """The mean embedding of each class, `(classes, dims)`, of length 1, or 0 for an empty class.

    Texts count by the probability that they are of the class.
    """
    sums = probs.T.astype(np.float64) @ vectors.astype(np.float64)
    sums -= sums.sum(axis=0) / max(float(probs.sum()), 1e-9) * probs.sum(axis=0)[:, None]
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(sums, length, out=np.zeros_like(sums), where=length > 1e-9)
    return unit


def similar_first(confusion: np.ndarray, centres: np.ndarray | None = None) -> np.ndarray:
    """A permutation of the classes `(classes,)`: leaves of a hierarchical clustering.

    Classes are near if they are confused with each other or if their embeddings are alike. Leaves
    are in the order in which neighbours are most similar (Bar-Joseph et al., 2001).

    Args:
        confusion: `(classes, classes)`, how many texts of each class are predicted as each.
        centres: `(classes, dims)`, of length 1; None if there are none.

    >>> similar_first(np.array([[9, 0, 5, 0], [0, 9, 0, 3], [4, 0, 9, 0], [0, 2, 0, 9]])).tolist()
    [0, 2, 3, 1]
    """
    from scipy.cluster.hierarchy import leaves_list, linkage  # noqa: PLC0415
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    n = len(confusion)
    if n < 3:
        return np.arange(n)
    both = confusion + confusion.T
    totals = both.sum(axis=1)
    share = both / np.maximum(np.minimum.outer(totals, totals), 1)
    distance = 1 - np.minimum(2 * share, 1)
    if centres is not None:
        distance = 0.5 * distance + 0.25 * (1 - centres @ centres.T)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    order: np.ndarray = leaves_list(tree)
    return order


def class_centres(view: RunView) -> np.ndarray | None:
    """Where the classes lie among the embeddings of the pool; None before it is embedded."""
    embeddings = view.artifact("embed")
    if embeddings is None:
        return None
    vectors = read_array(embeddings.path / "embeddings.npy")
    rows = random_rows(len(vectors), SAMPLE, rng(int(view.config["seed"]), "report", "classes"))
    rows = np.sort(rows)
    return centroids(vectors[rows], pool_probs(embeddings)[rows])
