"""ProbCover: bring as many texts as possible within reach of a labelled one."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.clustering import cluster
from wsal.active.neighbours import n_within, nearest, squared_distances
from wsal.settings import Positive, Rate, Share


@dataclass(frozen=True)
class ProbCover:
    """Greedy maximum coverage by balls around labelled texts (Yehuda et al., 2022).

    A text covers those nearer than `radius`. Covered texts no longer count. The paper's graph
    (arXiv 2205.11320) is never stored: each text is covered once, so its distances are computed
    twice, in parts.
    """

    radius: Rate | None = None
    """Distance, in (0, 2) for embeddings of length 1; null: chosen by `pure_radius`."""
    purity: Share = 0.95
    """Share of balls that hold one cluster only, where the radius is chosen."""
    max_texts: Positive = 10_000
    """Only this many candidates, drawn at random, are considered."""

    everywhere = True

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows in the order of choice; random ones once everything is covered."""
        drawn = rng.permutation(len(candidates))[: max(self.max_texts, size)]  # random ties
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
            f"within {radius:.2f} of {score} texts that no labelled or chosen text covers"
            if score
            else "drawn at random: every text is near a labelled or chosen one"
            for score in scores
        ]
        return Selection(drawn[places], np.array(scores, np.float32), reasons)


def pure_radius(
    points: np.ndarray, n_classes: int, purity: float, rng: np.random.Generator
) -> float:
    """The largest radius at which the share `purity` of balls holds texts of one cluster only.

    Clusters stand in for the unknown classes. A ball is pure up to the distance from its centre to
    the nearest text of another cluster, so the radius is a quantile of these distances. Infinite
    if all texts are the same.
    """
    member, _ = cluster(points, n_classes, rng)
    gaps = np.full(len(points), np.inf)
    for number in np.unique(member):
        inside = member == number
        if not inside.all():
            gaps[inside] = nearest(points[inside], points[~inside], 1)[1][:, 0]
    allowed = min(int((1 - purity) * len(gaps) + 1e-9), len(gaps) - 1)
    return float(np.sort(gaps)[allowed])
