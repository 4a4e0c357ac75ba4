"""TypiClust: typical texts of clusters without labels; needs no classifier that knows anything."""

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

    Labelled texts and candidates are put into as many clusters as there will be labels. The
    cluster with the fewest labelled and chosen texts is asked next, the largest first.
    Typicality is one over the mean distance to the nearest texts of the cluster. arXiv 2202.02794.
    """

    n_neighbours: Positive = 20
    max_clusters: Positive = 500
    min_cluster: Positive = 5
    """Clusters of fewer texts are outliers, asked when no others are left."""
    max_texts: Positive = 20_000
    """Only so many candidates are looked at, drawn at random."""

    everywhere = True

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows of ever more labelled clusters; predictions play no part."""
        drawn = rng.permutation(len(candidates))[: max(self.max_texts, size)]
        points = candidates.embeddings[drawn]
        known = candidates.labelled.embeddings if candidates.labelled else points[:0]
        n_clusters = min(len(known) + size, self.max_clusters)
        member, _ = cluster(np.concatenate([known, points]), n_clusters, rng)
        sizes = np.bincount(member)
        labelled = np.bincount(member[: len(known)], minlength=len(sizes))
        member = member[len(known) :]
        typical = typicality(points, member, self.n_neighbours)
        turn = labelled[member] + _place_in_cluster(member, typical)
        small = sizes < self.min_cluster
        places = np.lexsort((member, -sizes[member], turn, small[member]))[:size]
        reasons = [
            f"typical of a cluster of {sizes[one]} texts, {n_before or 'none'} of them asked before"
            for one, n_before in zip(member[places], turn[places], strict=True)
        ]
        return Selection(drawn[places], typical[places].astype(np.float32), reasons)


def typicality(points: Embeddings, member: Classes, n_neighbours: int) -> np.ndarray:
    """One over each text's mean distance to its nearest texts of the same cluster.

    At most 100,000 (equal texts); 0 for a text alone in its cluster.
    """
    typical = np.zeros(len(points))
    for one in np.unique(member):
        inside = np.flatnonzero(member == one)
        if len(inside) > 1:
            _, distances = nearest(points[inside], points[inside], n_neighbours + 1)
            typical[inside] = 1 / np.maximum(distances[:, 1:].mean(axis=1), 1e-5)  # 0 is itself
    return typical


def _place_in_cluster(member: Classes, typical: np.ndarray) -> np.ndarray:
    """0 for the most typical text of each cluster, 1 for the next, and so on."""
    order = np.lexsort((-typical, member))
    starts = np.searchsorted(member[order], member[order])
    places = np.empty(len(member), np.int64)
    places[order] = np.arange(len(member)) - starts
    return places
