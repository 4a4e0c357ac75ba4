"""Slices: how good the classifier is on texts that share a value, and where it is worse.

Whoever looks at many slices sees some that are worse by chance. So all intervals hold at once:
each has the level of a Bonferroni correction for their number.

That takes an interval that still holds far out, at levels such as 99.99%. The score interval of
Wilson does not: of 20 texts that are each right with probability 0.95, five or more are wrong a
hundred times as often as its 99.995% interval supposes. The intervals of Clopper and Pearson
(1934) are exact for unweighted texts, and for weighted ones they are used with the effective
number of texts (Korn & Graubard, "Confidence intervals for proportions with small expected
number of positive counts estimated from survey data", Survey Methodology, 1998). The interval of
a difference is made of those of its two sides (Newcombe, 1998; Zou & Donner, "Construction of
confidence limits about effect measures", Statistics in Medicine, 2008). No resampling is needed,
so 100,000 texts with 20 fields take a fraction of a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsal.arrays import Rows, Weights
from wsal.inspection.groupings import LEAST, Grouping

LEVEL = 0.9  # at which all intervals hold at once


@dataclass(frozen=True)
class Slice:
    """Quality on the texts that share a value. The intervals of all slices hold at once."""

    by: str
    """A field, or another property."""
    value: str
    n_texts: int
    n_wrong: int
    accuracy: float
    low: float
    high: float
    rest: float
    """The accuracy on all other texts."""
    difference: float
    """From the rest, in [-1, 1]; negative where the slice is worse."""
    difference_low: float
    difference_high: float
    rows: Rows
    """Positions of the texts, ascending."""

    @property
    def is_worse(self) -> bool:
        """Whether it is worse than the rest beyond chance, however many slices were looked at."""
        return self.difference_high < 0


def slices(
    groupings: Sequence[Grouping], right: np.ndarray, weights: Weights, level: float = LEVEL
) -> list[Slice]:
    """The quality of every group of texts, worst first: by the upper end of the difference.

    If no slice differs from the rest, the chance that any is taken to be worse or better is at most
    1 - `level`. A group is left out if it, or the rest, has fewer than `LEAST` texts.

    Args:
        groupings: of the same texts.
        right: whether each prediction is right, `(texts,)`.
        weights: how many texts each stands for, `(texts,)`.
        level: at which all intervals hold at once, in (0, 1).

    >>> group = np.repeat([0, 1, 2], 100)
    >>> right = np.where(group == 2, np.arange(300) % 2, 1) == 1
    >>> worst = slices([Grouping("shop", ("a", "b", "c"), group)], right, np.ones(300))[0]
    >>> worst.value, worst.accuracy, worst.rest, worst.is_worse
    ('c', 0.5, 1.0, True)
    """
    columns = np.array([np.ones(len(right)), right, weights, weights**2, weights * right,
                        weights**2 * right], dtype=np.float64)  # fmt: skip
    sums = [_sums(grouping, columns) for grouping in groupings]
    if not sums:
        return []
    inside = np.concatenate(sums, axis=1)
    rest = columns.sum(axis=1, keepdims=True) - inside
    used = (inside[0] >= LEAST) & (rest[0] >= LEAST)
    alpha = (1 - level) / max(used.sum(), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        own, other = _proportion(inside, alpha), _proportion(rest, alpha)
    difference = own[0] - other[0]
    low = difference - np.hypot(own[0] - own[1], other[2] - other[0])
    high = difference + np.hypot(own[2] - own[0], other[0] - other[1])
    ranked, position = list[Slice](), 0
    for grouping in groupings:
        for number, value in enumerate(grouping.values):
            if used[position]:
                share, least, most = own[:, position].tolist()
                n, n_right = inside[:2, position].astype(int).tolist()
                of_slice = Slice(
                    by=grouping.by,
                    value=value,
                    n_texts=n,
                    n_wrong=n - n_right,
                    accuracy=share,
                    low=least,
                    high=most,
                    rest=float(other[0][position]),
                    difference=float(difference[position]),
                    difference_low=float(max(low[position], -1)),
                    difference_high=float(min(high[position], 1)),
                    rows=np.flatnonzero(grouping.group == number),
                )
                ranked.append(of_slice)
            position += 1
    return sorted(ranked, key=lambda s: (s.difference_high, s.difference))


def _sums(grouping: Grouping, columns: np.ndarray) -> np.ndarray:
    """The sums of each column over the texts of each group, `(columns, groups)`."""
    inside = grouping.group >= 0
    group, n = grouping.group[inside], len(grouping.values)
    return np.array([np.bincount(group, column[inside], n) for column in columns])


def _proportion(sums: np.ndarray, alpha: float) -> np.ndarray:
    """Weighted shares of right texts with their intervals, `(3, groups)`: value, low, high.

    The effective number of texts is that of Kish (1965), or what the linearised variance implies
    where that is less: where heavy texts are the wrong ones.
    """
    n, _, weight, squares, right, right_squares = sums
    share = np.clip(right / weight, 0, 1)
    spread = right_squares * (1 - 2 * share) + share**2 * squares
    implied: Any = np.where(spread > 0, share * (1 - share) * weight**2 / spread, np.inf)
    effective = np.minimum(np.minimum(weight**2 / squares, implied), n)
    return np.array([share, *clopper_pearson(share * effective, effective, alpha)])


def clopper_pearson(
    successes: np.ndarray, n: np.ndarray, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of each proportion, at level 1 - `alpha`; counts need not be whole.

    >>> low, high = clopper_pearson(np.array([18.0]), np.array([20.0]), 0.05)
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.683, 0.988)
    """
    from scipy.special import betaincinv  # noqa: PLC0415  takes a moment

    failures = np.maximum(n - successes, 0)
    low = np.where(successes > 1e-9, betaincinv(successes, failures + 1, alpha / 2), 0.0)
    high = np.where(failures > 1e-9, betaincinv(successes + 1, failures, 1 - alpha / 2), 1.0)
    return low, high
