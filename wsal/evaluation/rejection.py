"""How well a score tells texts of no class from the others: AUROC, and FPR95."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import Mask, Scores, Weights

KEPT = 0.95  # share of the texts with a class that FPR95 keeps
DRAWS = 500  # of the bootstrap


@dataclass(frozen=True)
class Separation:
    """How well a score separates texts, in [0, 1], with the ends of intervals."""

    auroc: float
    """The probability that a text of no class has a higher score than one with a class."""
    auroc_interval: tuple[float, float]
    fpr95: float
    """The share of the texts of no class that are kept where 95% of the others are."""
    fpr95_interval: tuple[float, float]
    n_none: int
    n_with_class: int


def separation(
    scores: Scores,
    is_none: Mask,
    rng: np.random.Generator,
    weights: Weights | None = None,
    level: float = 0.9,
) -> Separation:
    """AUROC and FPR95 (Hendrycks & Gimpel, 2017; Liang et al., 2018), with bootstrap intervals.

    Texts of each kind are resampled among themselves. The intervals say nothing about other kinds
    of texts that belong to no class.

    Args:
        scores: `(texts,)`, higher for texts of no class.
        is_none: `(texts,)`, whether each belongs to no class; there are some of both kinds.
        rng: for the bootstrap.
        weights: `(texts,)`, how many texts each stands for.
        level: of the intervals.

    >>> scores, is_none = np.array([0.1, 0.2, 0.4, 0.3, 0.9]), np.array([0, 0, 0, 1, 1]) > 0
    >>> made = separation(scores, is_none, np.random.default_rng(0))
    >>> round(made.auroc, 3), made.fpr95
    (0.833, 0.5)
    """
    weights = np.ones(len(scores)) if weights is None else weights
    values = auroc(scores, is_none, weights), fpr95(scores, is_none, weights)
    none, others = np.flatnonzero(is_none), np.flatnonzero(~is_none)
    draws = np.empty((DRAWS, 2))
    for draw in range(DRAWS):
        drawn = np.zeros(len(scores))
        for kind in (none, others):
            np.add.at(drawn, rng.choice(kind, len(kind)), 1)
        resampled = drawn * weights
        draws[draw] = auroc(scores, is_none, resampled), fpr95(scores, is_none, resampled)
    ends = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    intervals = [(float(ends[0, i]), float(ends[1, i])) for i in range(2)]
    return Separation(values[0], intervals[0], values[1], intervals[1], len(none), len(others))


def auroc(scores: Scores, is_none: Mask, weights: Weights | None = None) -> float:
    """The probability that a text of no class has the higher score; of equals, one half.

    >>> auroc(np.array([1.0, 2.0, 2.0]), np.array([False, False, True]))
    0.75
    """
    weights = np.ones(len(scores)) if weights is None else weights
    _, place = np.unique(scores, return_inverse=True)
    of_none = np.bincount(place, weights * is_none)
    others = np.bincount(place, weights * ~is_none)
    below = others.cumsum() - others / 2
    return float(of_none @ below / (of_none.sum() * others.sum()))


def fpr95(scores: Scores, is_none: Mask, weights: Weights | None = None) -> float:
    """The share of the texts of no class that are kept where 95% of the others are."""
    weights = np.ones(len(scores)) if weights is None else weights
    threshold = keeping(scores[~is_none], weights[~is_none], KEPT)
    return float(np.average(scores[is_none] <= threshold, weights=weights[is_none]))


def keeping(scores: Scores, weights: Weights, share: float) -> float:
    """The lowest threshold that keeps this share of texts: those whose score is not above it.

    >>> keeping(np.array([3.0, 1.0, 2.0, 4.0]), np.ones(4), 0.75)
    3.0
    """
    order = np.argsort(scores, kind="stable")
    kept = weights[order].cumsum()
    place = int(np.searchsorted(kept, share * kept[-1] - 1e-9 * kept[-1]))
    return float(scores[order][place])
