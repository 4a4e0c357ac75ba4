"""Uncertain numbers: a point estimate, then draws of it.

All have the same length, so that numpy's `*`, `+` and `/` compute point estimates and draws alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

N_DRAWS = 2_000
TAIL = 0.025  # on each side of an interval

Draws = np.ndarray
"""`(1 + N_DRAWS,)` float64: the point estimate, then draws."""


@dataclass(frozen=True)
class Figure:
    """An estimate with its 95% interval."""

    value: float
    low: float
    high: float


def constant(value: float) -> Draws:
    """A number that is known."""
    return np.full(1 + N_DRAWS, float(value))


def between(low: float, high: float, random: np.random.Generator) -> Draws:
    """A number of which only bounds above 0 are known: their geometric mean, log-uniform draws.

    >>> between(2.0, 8.0, np.random.default_rng(0))[0]
    np.float64(4.0)
    """
    first, last = np.log(low), np.log(high)
    drawn = random.uniform(first, last, N_DRAWS)
    draws: Draws = np.exp(np.concatenate([[(first + last) / 2], drawn]))
    return draws


def ratio(parts: Sequence[float], sizes: Sequence[float], random: np.random.Generator) -> Draws:
    """The sum of `parts` per sum of `sizes`, bootstrapped over the pairs (Efron, 1979).

    The spread is multiplied by sqrt(n / (n - 1)), and by the ratio of the quantiles of Student's t
    and the normal distribution, without which the interval of a few pairs is too narrow.
    """
    above, below = np.asarray(parts, dtype=float), np.asarray(sizes, dtype=float)
    n = len(above)
    point = above.sum() / below.sum()
    if n == 1:
        return constant(point)
    drawn = random.integers(n, size=(N_DRAWS, n))
    ratios = above[drawn].sum(axis=1) / below[drawn].sum(axis=1)
    wider = np.sqrt(n / (n - 1)) * stats.t.ppf(1 - TAIL, n - 1) / stats.norm.ppf(1 - TAIL)
    draws = np.maximum(point + (ratios - point) * wider, ratios.min() / 2)  # above 0
    return np.concatenate([[point], draws])


def figure(draws: Draws) -> Figure:
    """The point estimate, and the interval of the draws.

    >>> figure(constant(3))
    Figure(value=3.0, low=3.0, high=3.0)
    """
    low, high = np.quantile(draws[1:], [TAIL, 1 - TAIL])
    return Figure(float(draws[0]), float(low), float(high))
