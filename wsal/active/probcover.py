"""ProbCover: as many texts as can be within reach of a labelled one."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.clustering import cluster
from wsal.active.neighbours import n_within, nearest, squared_distances
from wsal.settings import Positive, Rate, Share


@dataclass(frozen=True)
class ProbCover:
    """Greedy maximum coverage by balls around labelled texts (Yehuda et al., 2022).

    A text covers those nearer than `radius`. Covered texts count for no later choice. The graph
    of the paper (arXiv 2205.11320) is never stored: each text is covered once, so its
    distances are computed twice, a piece at a time.
    """

    radius: Rate | None = None
    """Distance, in (0, 2) for embeddings of length 1; null: found, see `pure_radius`."""
    purity: Share = 0.95
    max_texts: Positive = 10_000
    """Only so many candidates are looked at, drawn at random."""

    everywhere = True

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows in the order of choice; any, once everything is covered."""
        drawn = rng.permutation(len(candidates))[: max(self.max_texts, size)]  # ties: any of them
        points = candidates.embeddings[drawn].astype(np.float64)
        n_classes = candidates.probs.shape[1]
        radius = self.radius or pure_radius(points, n_classes, self.purity, rng)
        uncovered = np.ones(len(points), bool)
        if candidates.labelled:
            uncovered = nearest(points, candidates.labelled.embeddings, 1)[1][:, 0] >= radius
        gains = n_within(radius, points, points[uncovered])
        places, scores = list[int](), list[int]()
        for _ in range(min(size, len(points))):
            place = int(gains.argmax())
            places.append(place)
            scores.append(max(int(gains[place]), 0))
            reached = squared_distances(points, points[place]) < radius**2
            gains -= n_within(radius, points, points[uncovered & reached])
            uncovered &= ~reached
            gains[places] = -len(points)
        reasons = [
            f"{score} texts not covered before are within {radius:.2f}"
            if score
            else "drawn at random: a labelled or chosen text is near to every text"
            for score in scores
        ]
        return Selection(drawn[places], np.array(scores, np.float32), reasons)


def pure_radius(
    points: np.ndarray, n_classes: int, purity: float, rng: np.random.Generator
) -> float:
    """The largest radius at which so large a share of balls holds one cluster only.

    Clusters stand for the classes nobody knows. A ball is pure up to the distance of its centre
    to the nearest text of another cluster, so the radius is a quantile of these distances.
    Infinite if all texts are alike.
    """
    member, _ = cluster(points, n_classes, rng)
    gaps = np.full(len(points), np.inf)
    for one in np.unique(member):
        inside = member == one
        if not inside.all():
            gaps[inside] = nearest(points[inside], points[~inside], 1)[1][:, 0]
    allowed = min(int((1 - purity) * len(gaps) + 1e-9), len(gaps) - 1)
    return float(np.sort(gaps)[allowed])
