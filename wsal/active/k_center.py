"""k-center: leave no text far from a labelled one."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.neighbours import nearest, squared_distances


@dataclass(frozen=True)
class KCenter:
    """The greedy core-set (Sener and Savarese, 2018, arXiv 1708.00489).

    Repeatedly chooses the text that is furthest from all labelled and chosen ones. It tends to
    choose outliers, which is its weakness.
    """

    everywhere = True

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows in the order of choice; without labels, first the one nearest to the mean."""
        order = rng.permutation(len(candidates))  # so that of equal texts any may be the first
        points = candidates.embeddings[order].astype(np.float64)
        if candidates.labelled:
            _, distances = nearest(points, candidates.labelled.embeddings, 1)
            gaps = distances[:, 0] ** 2
        else:
            middle = squared_distances(points, points.mean(axis=0))
            gaps = 4 * middle.max() + (middle == middle.min())  # no squared distance is larger
        places, scores = list[int](), list[float]()
        for _ in range(min(size, len(points))):
            place = int(gaps.argmax())
            places.append(place)
            scores.append(gaps[place] ** 0.5)
            gaps = np.minimum(gaps, squared_distances(points, points[place]))
            gaps[places] = -1
        reasons = [f"{score:.2f} from the nearest labelled or chosen text" for score in scores]
        if not candidates.labelled and reasons:
            reasons[0] = "in the middle of the pool; nothing is labelled yet"
        return Selection(order[places], np.array(scores, np.float32), reasons)
