"""BADGE: texts that would change the classifier most, in different directions."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.ranking import ranked
from wsal.active.scores import margin
from wsal.arrays import Probs
from wsal.settings import Positive


@dataclass(frozen=True)
class Badge:
    """k-means++ over gradients of the classification head (Ash et al., 2020, arXiv 1906.03671).

    If its likeliest class were a text's label, its gradient would be r h^T, where r is the residual
    (probs minus one at that class) and h the embedding. Gradients are never computed: the squared
    distance of two is |r|^2 |h|^2 + |r'|^2 |h'|^2 - 2 (r.r') (h.h').
    """

    max_texts: Positive = 10_000
    """Only this many texts, those of smallest margin, are considered."""
    top_classes: Positive = 20
    """Residuals are kept for this many of a text's likeliest classes."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """The longest gradient, then rows drawn by squared distance from the nearest chosen one."""
        unsure = margin(candidates.probs)
        listed = ranked(unsure, rng)[: max(self.max_texts, size)]
        kept, residuals = _residuals(candidates.probs[listed], self.top_classes)
        points = candidates.embeddings[listed].astype(np.float64)
        lengths = (residuals**2).sum(axis=1) * np.einsum("nd,nd->n", points, points)
        gaps = lengths  # squared distance of each gradient from the nearest chosen one
        places, scores = list[int](), list[float]()
        residual = np.zeros(candidates.probs.shape[1])
        for _ in range(min(size, len(listed))):
            place = _draw(gaps, places, rng) if places else int(lengths.argmax())
            scores.append(gaps[place])
            residual[:] = 0
            residual[kept[place]] = residuals[place]
            products = (residuals * residual[kept]).sum(axis=1)
            products *= np.einsum("nd,d->n", points, points[place])
            distances = np.maximum(lengths + lengths[place] - 2 * products, 0)
            gaps = np.minimum(gaps, distances) if places else distances
            places.append(place)
            gaps[places] = 0
        rows = listed[places]
        reasons = [
            f"moves the classifier in a new direction (distance {gap**0.5:.2f}, "
            f"margin {1 - uncertainty:.2f})"
            for gap, uncertainty in zip(scores, unsure[rows], strict=True)
        ]
        return Selection(rows, np.array(scores, np.float32), reasons)


def _residuals(probs: Probs, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest classes of each text and its residual at each, both `(texts, n_classes)`."""
    n_classes = min(n_classes, probs.shape[1])
    kept = np.argpartition(-probs, n_classes - 1, axis=1)[:, :n_classes]
    residuals = np.take_along_axis(probs, kept, axis=1).astype(np.float64)
    residuals[kept == probs.argmax(axis=1)[:, None]] -= 1
    return kept, residuals


def _draw(gaps: np.ndarray, chosen: list[int], rng: np.random.Generator) -> int:
    """A place drawn in proportion to its gap; if all gaps are 0, any that is not chosen."""
    if not gaps.any():
        gaps = np.ones(len(gaps))
        gaps[chosen] = 0
    return int(rng.choice(len(gaps), p=gaps / gaps.sum()))
