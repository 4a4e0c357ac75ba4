"""Embeddings in two dimensions, for a map."""

import numpy as np
from threadpoolctl import threadpool_limits

from wsal.active.neighbours import nearest
from wsal.arrays import Embeddings
from wsal.seeding import random_rows

COMPONENTS = 50  # that distances are computed from, as van der Maaten and Hinton (2008) do
PROJECTED = 2_000  # texts that t-SNE places, in 3 s; its time grows with them
ITERATIONS = 500
PERPLEXITY = 30.0
AMONG = 5  # of the projected texts, that each other text is placed among
LEAST = 20  # texts that t-SNE can arrange; fewer are shown by their main components


def main_components(vectors: Embeddings, rng: np.random.Generator) -> np.ndarray:
    """The vectors along the directions in which they differ most, `(texts, 50)` or fewer.

    The directions are those of at most 5,000 random texts.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415  takes a second

    some = random_rows(len(vectors), 5_000, rng)
    n = min(COMPONENTS, len(some), vectors.shape[1])
    with threadpool_limits(limits=1):  # with more, the last bits differ from time to time
        model = PCA(n, svd_solver="covariance_eigh").fit(vectors[some].astype(np.float64))
        components: np.ndarray = model.transform(vectors.astype(np.float64))
    return components


def project(components: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points in [-1, 1] for a map, `(texts, 2)`: texts that are alike are near each other.

    At most 2,000 random texts are placed by t-SNE (van der Maaten and Hinton, 2008), and each other
    one among the five that are most like it. Distances within a group say little, and those between
    groups nothing.

    >>> groups = np.repeat(np.eye(3) * 9, 30, axis=0) + np.random.default_rng(0).random((90, 3))
    >>> points = project(groups, np.random.default_rng(0))
    >>> middle = points.reshape(3, 30, 2).mean(axis=1)
    >>> to_each = np.linalg.norm(points[:, None] - middle[None], axis=2)
    >>> bool((to_each.argmin(axis=1) == np.arange(90) // 30).all())
    True
    """
    start = _two(components)
    if len(start) < LEAST or not start.std():
        return _scaled(start)
    chosen = random_rows(len(start), PROJECTED, rng)
    points = np.empty_like(start)
    points[chosen] = _arranged(components[chosen], start[chosen], rng)
    others = np.setdiff1d(np.arange(len(start)), chosen)
    if len(others):
        neighbours, distances = nearest(components[others], components[chosen], AMONG)
        weights = 1 / (distances**2 + 1e-9)
        weights /= weights.sum(axis=1, keepdims=True)
        points[others] = (points[chosen[neighbours]] * weights[:, :, None]).sum(axis=1)
    return _scaled(points)


def _arranged(components: np.ndarray, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The points of t-SNE; it begins at `start`, so that the large groups keep their places."""
    from sklearn.manifold import TSNE  # noqa: PLC0415  takes a second

    model = TSNE(
        perplexity=min(PERPLEXITY, (len(start) - 1) / 3),
        max_iter=ITERATIONS,
        init=(start / start.std() * 1e-4).astype(np.float32),
        random_state=int(rng.integers(2**31)),
        n_jobs=1,
    )
    with threadpool_limits(limits=1):
        points: np.ndarray = model.fit_transform(components.astype(np.float32))
    return points


def _two(components: np.ndarray) -> np.ndarray:
    """The first two components; zeros where there are fewer."""
    two = np.zeros((len(components), 2))
    two[:, : components.shape[1]] = components[:, :2]
    return two


def _scaled(points: np.ndarray) -> np.ndarray:
    """Moved and scaled into [-1, 1], alike in both directions."""
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) / 2
    return np.clip((points - (low + high) / 2) / half, -1, 1) if half else np.zeros_like(points)
