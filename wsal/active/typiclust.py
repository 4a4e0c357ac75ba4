"""TypiClust: typical texts of clusters without labels; it does not use predictions."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.clustering import cluster
from wsal.active.neighbours import nearest
from wsal.arrays import Classes, Embeddings
from wsal.settings import Positive


@dataclass(frozen=True)
class TypiClust:
    """The most typical text of each large cluster without labels (Hacohen et al., 2022).

    Labelled texts and candidates are divided into as many clusters as there will be labels. The
    cluster with the fewest labelled and chosen texts is asked next, the largest first. A text's
    typicality is one over its mean distance to the nearest texts of its cluster. arXiv 2202.02794.
    """

    n_neighbours: Positive = 20
    """Nearest texts whose mean similarity says how typical a text is."""
    max_clusters: Positive = 500
    """Largest number of clusters."""
    min_cluster: Positive = 5
    """Smaller clusters are outliers, and are asked last."""
    max_texts: Positive = 20_000
    """Only this many candidates, drawn at random, are considered."""

    everywhere = True

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows of the clusters with fewest labels first."""
        drawn = rng.permutation(len(candidates))[: max(self.max_texts, size)]
        points = candidates.embeddings[drawn]
        labelled = candidates.labelled.embeddings if candidates.labelled else points[:0]
        n_clusters = min(len(labelled) + size, self.max_clusters)
        member, _ = cluster(np.concatenate([labelled, points]), n_clusters, rng)
        sizes = np.bincount(member)
        n_labelled = np.bincount(member[: len(labelled)], minlength=len(sizes))
        member = member[len(labelled) :]
        typical = typicality(points, member, self.n_neighbours)
        n_before = n_labelled[member] + _place_in_cluster(member, typical)
        small = sizes < self.min_cluster
        places = np.lexsort((member, -sizes[member], n_before, small[member]))[:size]
        reasons = [
            f"typical of a cluster of {sizes[number]} texts, {n or 'none'} of them asked before"
            for number, n in zip(member[places], n_before[places], strict=True)
        ]
        return Selection(drawn[places], typical[places].astype(np.float32), reasons)


def typicality(points: Embeddings, member: Classes, n_neighbours: int) -> np.ndarray:
    """One over each text's mean distance to the nearest texts of its cluster, `(points,)`.

    At most 100,000 (equal texts); 0 for a text that is alone in its cluster.
    """
    typical = np.zeros(len(points))
    for number in np.unique(member):
        inside = np.flatnonzero(member == number)
        if len(inside) > 1:
            _, distances = nearest(points[inside], points[inside], n_neighbours + 1)
            typical[inside] = 1 / np.maximum(distances[:, 1:].mean(axis=1), 1e-5)  # not itself
    return typical


def _place_in_cluster(member: Classes, typical: np.ndarray) -> np.ndarray:
    """0 for the most typical text of each cluster, 1 for the next, and so on."""
    order = np.lexsort((-typical, member))
    starts = np.searchsorted(member[order], member[order])
    places = np.empty(len(member), np.int64)
    places[order] = np.arange(len(member)) - starts
    return places
