"""Whether the counts of two sets of texts differ: by how much, and whether by more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

DRAWS = 4_999
BRIDGE = 1.74  # the mean of the largest value of a Brownian bridge, if that varies most by 1
LEAST_EXPECTED = 5  # texts in each cell, for the chi-square distribution to hold (Cochran, 1954)
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """How two rows of counts differ."""

    effect: float
    """Between 0 (none) and 1, without what chance alone would bring."""
    p_value: float
    """The probability of a difference at least as large if there is no drift."""


def difference(
    reference: Sequence[int], new: Sequence[int], rng: np.random.Generator, *, ordered: bool
) -> Difference:
    """How two rows of counts differ.

    The effect is the share of texts that would have to change their class (total variation) or,
    where bins are ordered, the largest difference between the shares up to a bin (Kolmogorov and
    Smirnov). Two samples without drift differ by chance; what is expected of that is subtracted.
    The p-value is that of the chi-square test or, where a cell is expected to have fewer than five
    texts, of a permutation test with the same statistic (4,999 draws).

    Args:
        reference: how many texts are in each class or bin.
        new: likewise.
        rng: for the permutations.
        ordered: whether the bins are ordered.

    >>> same = difference([500, 500], [495, 505], np.random.default_rng(0), ordered=False)
    >>> same.effect, same.p_value > 0.5
    (0.0, True)
    >>> other = difference([500, 500], [100, 900], np.random.default_rng(0), ordered=False)
    >>> round(other.effect, 2), other.p_value < 1e-6
    (0.38, True)
    """
    table = np.array([reference, new], dtype=np.int64)
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1)
    if not sizes.all() or table.shape[1] < 2:
        return Difference(0.0, 1.0)
    shares = table / sizes[:, None]
    pooled = table.sum(axis=0) / sizes.sum()
    spread = math.sqrt((1 / sizes).sum())
    if ordered:
        effect = float(np.abs(np.cumsum(shares[1] - shares[0])).max())
        cumulative = np.cumsum(pooled)[:-1]
        deviation = np.sqrt(cumulative * (1 - cumulative)).max()
        by_chance = BRIDGE * deviation * spread
    else:
        effect = float(np.abs(shares[1] - shares[0]).sum() / 2)
        by_chance = float(np.sqrt(pooled * (1 - pooled)).sum()) * spread / math.sqrt(2 * math.pi)
    return Difference(max(0.0, effect - by_chance), _p_value(table, rng))


def _p_value(table: Counts, rng: np.random.Generator) -> float:
    total, sizes = table.sum(axis=0), table.sum(axis=1)
    expected = total * (sizes / sizes.sum())[:, None]
    statistic = _chi_square(table[1], expected)
    if expected.min() >= LEAST_EXPECTED:
        return float(chi2.sf(statistic, table.shape[1] - 1))
    drawn = rng.multivariate_hypergeometric(total, sizes[1], size=DRAWS, method="marginals")
    as_large = _chi_square(drawn, expected) >= statistic * (1 - 1e-9)
    return float((1 + as_large.sum()) / (1 + DRAWS))


def _chi_square(new: Counts, expected: np.ndarray) -> np.ndarray:
    """The statistic of a table with two rows, given the second, `(..., columns)`."""
    deviation: np.ndarray = (new - expected[1]) ** 2
    statistic: np.ndarray = (deviation / expected[1] + deviation / expected[0]).sum(axis=-1)
    return statistic


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, corrected for their number (Holm, 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    n = len(p_values)
    steps = [(n - place) * p_values[row] for place, row in enumerate(order)]
    corrected = np.empty(n)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(round(p, 12)) for p in corrected]


@dataclass(frozen=True)
class ClassChange:
    """How the share of a class has changed."""

    number: int
    before: float
    after: float
    low: float
    """Of the difference; the intervals of all classes hold together."""
    high: float
    is_sure: bool
    """Whether the interval is without 0."""


def class_changes(
    reference: Sequence[int], new: Sequence[int], error: float = 0.05
) -> list[ClassChange]:
    """The change of each class's share, the largest first, with simultaneous intervals.

    They are those of Agresti and Caffo (2000), which add one text to each cell, with Bonferroni's
    correction for the number of classes.
    """
    before, after = np.array(reference, dtype=float), np.array(new, dtype=float)
    sizes = before.sum(), after.sum()
    z = norm.isf(error / 2 / max(1, len(before)))
    first, second = (before + 1) / (sizes[0] + 2), (after + 1) / (sizes[1] + 2)
    spread = z * np.sqrt(
        first * (1 - first) / (sizes[0] + 2) + second * (1 - second) / (sizes[1] + 2)
    )
    low, high = second - first - spread, second - first + spread
    shares = before / max(1, sizes[0]), after / max(1, sizes[1])
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")
    return [
        ClassChange(
            int(n), float(shares[0][n]), float(shares[1][n]), float(low[n]), float(high[n]),
            bool(low[n] > 0 or high[n] < 0),
        )
        for n in order
    ]  # fmt: skip
