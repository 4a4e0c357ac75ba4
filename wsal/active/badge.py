"""BADGE: texts that would change the classifier most, each in another direction."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.ranking import ranked
from wsal.active.scores import margin
from wsal.arrays import Probs
from wsal.settings import Positive


@dataclass(frozen=True)
class Badge:
    """k-means++ over the gradients of the head (Ash et al., 2020, arXiv 1906.03671).

    Were the likeliest class a text's label, its gradient would be r h^T: its residual r (probs
    less one at that class) by its embedding h. Gradients are never made: the squared distance of
    two is |r|^2 |h|^2 + |r'|^2 |h'|^2 - 2 (r.r') (h.h').
    """

    max_texts: Positive = 10_000
    """Only so many texts of the smallest margin are looked at."""
    top_classes: Positive = 20
    """Of a residual, so many of its likeliest classes are kept."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """The longest gradient, then rows drawn by squared distance from the nearest chosen."""
        unsure = margin(candidates.probs)
        listed = ranked(unsure, rng)[: max(self.max_texts, size)]
        kept, residuals = _residuals(candidates.probs[listed], self.top_classes)
        points = candidates.embeddings[listed].astype(np.float64)
        lengths = (residuals**2).sum(axis=1) * np.einsum("nd,nd->n", points, points)
        gaps, places, scores = lengths, list[int](), list[float]()
        dense = np.zeros(candidates.probs.shape[1])
        for _ in range(min(size, len(listed))):
            place = _draw(gaps, places, rng) if places else int(lengths.argmax())
            scores.append(gaps[place])
            dense[:] = 0
            dense[kept[place]] = residuals[place]
            products = (residuals * dense[kept]).sum(axis=1)
            products *= np.einsum("nd,d->n", points, points[place])
            distances = np.maximum(lengths + lengths[place] - 2 * products, 0)
            gaps = np.minimum(gaps, distances) if places else distances
            places.append(place)
            gaps[places] = 0
        rows = listed[places]
        reasons = [
            f"pulls the classifier another way (distance {gap**0.5:.2f}, margin {1 - score:.2f})"
            for gap, score in zip(scores, unsure[rows], strict=True)
        ]
        return Selection(rows, np.array(scores, np.float32), reasons)


def _residuals(probs: Probs, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest classes of each text, (texts, n_classes), and its residual at each."""
    n_classes = min(n_classes, probs.shape[1])
    kept = np.argpartition(-probs, n_classes - 1, axis=1)[:, :n_classes]
    residuals = np.take_along_axis(probs, kept, axis=1).astype(np.float64)
    residuals[kept == probs.argmax(axis=1)[:, None]] -= 1
    return kept, residuals


def _draw(gaps: np.ndarray, taken: list[int], rng: np.random.Generator) -> int:
    """A place drawn by its gap; if none is left, any that is not taken."""
    if not gaps.any():
        gaps = np.ones(len(gaps))
        gaps[taken] = 0
    return int(rng.choice(len(gaps), p=gaps / gaps.sum()))
