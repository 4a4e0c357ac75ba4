"""Weighted shares of texts, by group, with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from wsal.arrays import Classes, Weights
from wsal.rounds.assessment import LEVEL


@dataclass(frozen=True)
class Shares:
    """A share in [0, 1] for each group, and the ends of its interval; NaN for an empty group."""

    value: np.ndarray  # (groups,)
    low: np.ndarray
    high: np.ndarray

    def plain(self, group: int) -> dict[str, Any]:
        """Of one group, as plain values; None for an empty one."""
        ends = (self.value[group], self.low[group], self.high[group])
        values = [None if np.isnan(end) else round(float(end), 6) for end in ends]
        return dict(zip(("value", "low", "high"), values, strict=True))


def shares_of(
    hits: np.ndarray, weights: Weights, groups: Classes, n_groups: int, level: float = LEVEL
) -> Shares:
    """The weighted share of hits in each group.

    Intervals are those of Wilson (1927). The number of texts in them is the effective one of
    unequal weights, `sum(w) ** 2 / sum(w ** 2)` (Kish, 1965).

    Args:
        hits: `(texts,)`, 0 or 1.
        weights: how many texts each stands for.
        groups: `(texts,)`, in [0, n_groups).
        n_groups: how many groups there are.
        level: of the intervals, in (0, 1).

    >>> of_nine = shares_of(np.arange(10) < 9, np.ones(10), np.zeros(10, int), 2, level=0.95)
    >>> of_nine.plain(0)
    {'value': 0.9, 'low': 0.59585, 'high': 0.982124}
    >>> of_nine.plain(1)["value"] is None
    True
    """
    total = np.bincount(groups, weights, n_groups)
    squares = np.bincount(groups, weights**2, n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.bincount(groups, weights * hits, n_groups) / total
        return wilson(share, total**2 / squares, level)


def wilson(share: np.ndarray, n: np.ndarray, level: float = LEVEL) -> Shares:
    """Shares of so many texts, with their intervals; all are arrays of the same shape."""
    z = float(ndtri(0.5 + level / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    radius = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return Shares(share, np.clip(centre - radius, 0, 1), np.clip(centre + radius, 0, 1))


def share_of(hits: np.ndarray, weights: Weights) -> dict[str, Any]:
    """The weighted share of hits among all texts, as plain values."""
    return shares_of(hits, weights, np.zeros(len(hits), np.int64), 1).plain(0)
