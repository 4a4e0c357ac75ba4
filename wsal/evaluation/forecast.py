"""How many more labels a target needs, from the learning curve so far, with intervals."""

from dataclasses import dataclass

import numpy as np

RATES = np.geomspace(0.1, 2, 30)
FLOORS = np.concatenate([[0.0], np.linspace(0.005, 0.35, 28)])
SCALES = np.geomspace(0.002, 1, 60)  # error above the floor at the curve's first point
OFFSETS = np.array([0.0, 0.3, 1.0, 3.0])  # labels that pretraining is worth / labels so far
BENDS = np.array([-1.6, -0.8, 0.0, 0.8, 1.6])  # in units of BEND_STD
BEND_STD = 0.45  # standard deviation of log(later rate / rate so far)
NOISE = 0.05  # standard deviation between two trainings on the same labels / error
LEAST_NOISE = 0.001
EARLY_POINTS = 2  # first points of a curve, which are erratic
LEAST_POINTS = 6  # points that must remain when the early ones are dropped
QUANTILES = (0.1, 0.5, 0.9)  # the median, and the ends of an 80% interval


@dataclass(frozen=True)
class Curve:
    """A learning curve: accuracy or macro-F1 by the number of gold labels, in any order."""

    counts: np.ndarray  # (points,): gold labels
    values: np.ndarray  # (points,): in [0, 1]
    variances: np.ndarray  # (points,): of the values, as the evaluation sample is finite
    shared: float = 0.0
    """Share of the variance that all points have in common, in [0, 1]: near 1 if all were measured
    on the same texts, as their errors are then correlated."""


@dataclass(frozen=True)
class Forecast:
    """How many more labels a target needs. Intervals are of 80%; `inf` labels mean never."""

    labels: float  # median of the further labels
    low: float  # ends of their interval
    high: float
    unreachable: float  # probability that no number of labels reaches the target
    beyond: bool  # the median is beyond the horizon: ask again after the next round
    counts: np.ndarray  # (steps,): total labels, from those so far to the horizon
    lows: np.ndarray  # (steps,): the metric at these counts, in [0, 1]
    medians: np.ndarray
    highs: np.ndarray
    reached: np.ndarray  # (steps,): probability that the target is reached at these counts


@dataclass(frozen=True)
class Gain:
    """What further labels are expected to add to the metric, with an 80% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PowerLaws:
    """Possible continuations of the error: floor + rest * ((now + offset) / (n + offset)) ** rate.

    Each has a probability.
    """

    now: float  # labels so far
    floor: np.ndarray  # (laws,)
    rest: np.ndarray  # (laws,): present error above the floor
    rate: np.ndarray  # (laws,)
    offset: np.ndarray  # (laws,): labels that pretraining is worth
    probability: np.ndarray  # (laws,): sums to 1

    def error(self, n: float) -> np.ndarray:
        """The error at `n` labels, `(laws,)`, in [0, 1]."""
        falling = ((self.now + self.offset) / (n + self.offset)) ** self.rate
        errors: np.ndarray = np.minimum(self.floor + self.rest * falling, 1)
        return errors

    def labels(self, error: float) -> np.ndarray:
        """Total labels at which this error is reached, `(laws,)`; inf where it never is."""
        gap = error - self.floor
        log = np.log(self.rest / np.where(gap > 0, gap, 1)) / self.rate
        needed = (self.now + self.offset) * np.exp(np.minimum(log, 300)) - self.offset
        labels: np.ndarray = np.where(gap > 0, needed, np.inf)
        return labels

    def quantiles(self, values: np.ndarray) -> np.ndarray:
        """The 10%, 50% and 90% quantiles of values `(laws,)`, one per law: `(3,)`."""
        order = np.argsort(values, kind="stable")
        index = np.searchsorted(np.cumsum(self.probability[order]), QUANTILES)
        quantiles: np.ndarray = values[order[np.minimum(index, len(order) - 1)]]
        return quantiles


def forecast(curve: Curve, target: float, horizon: float = 3.0, steps: int = 12) -> Forecast:
    """How many more labels it takes to reach `target`, in [0, 1].

    Args:
        curve: the learning curve so far.
        target: of the curve's metric.
        horizon: the curve is extrapolated up to so many times the labels so far; nothing can be
            said with confidence beyond that.
        steps: points of the extrapolated curve.

    >>> counts = np.array([20, 40, 80, 160, 320])
    >>> result = forecast(Curve(counts, 1 - 2 * counts**-0.5, np.zeros(5)), target=0.9)
    >>> result.low < 80 < result.high and not result.beyond  # 400 labels in total
    True
    """
    laws = posterior(curve)
    needed = laws.labels(1 - target)
    low, middle, high = np.maximum(laws.quantiles(needed) - laws.now, 0)
    counts = np.geomspace(laws.now, horizon * laws.now, steps)
    bands = np.array([laws.quantiles(1 - laws.error(n)) for n in counts])
    return Forecast(
        labels=float(middle),
        low=float(low),
        high=float(high),
        unreachable=float(laws.probability @ np.isinf(needed)),
        beyond=bool(middle > (horizon - 1) * laws.now),
        counts=counts,
        lows=bands[:, 0],
        medians=bands[:, 1],
        highs=bands[:, 2],
        reached=np.array([laws.probability @ (needed <= n) for n in counts]),
    )


def next_gain(curve: Curve, n: int) -> Gain:
    """What the next `n` labels are expected to add to the metric."""
    laws = posterior(curve)
    added = laws.error(laws.now) - laws.error(laws.now + n)
    low, _, high = laws.quantiles(added)
    return Gain(float(laws.probability @ added), float(low), float(high))


def posterior(curve: Curve) -> PowerLaws:
    """The power laws that fit the curve, by Bayes' rule on a grid; the prior if it has no points.

    Weak pretraining makes a curve start flat, as if it had been a number of gold labels: that is
    the offset. The point without gold labels is dropped, as nothing was fine-tuned for it. Real
    curves eventually depart from any power law, so each law continues at several rates around its
    own: without that, 80% intervals covered 55 to 65% of simulated curves.
    """
    kept, first, now = _kept(curve)
    offset, rate, falling = _shapes(curve)
    log_density = _log_density(curve, kept, falling, rate)
    density = np.exp(log_density - log_density.max())
    f, shape, s = np.nonzero(density > 1e-4 * density.max())  # the others do not matter
    of_laws, of_bends = density[f, shape, s], np.exp(-(BENDS**2) / 2)
    offset, rate = offset[shape], rate[shape]
    rest = SCALES[s] * ((first + offset) / (now + offset)) ** rate
    return PowerLaws(
        now=now,
        floor=np.repeat(FLOORS[f], len(BENDS)),
        rest=np.repeat(rest, len(BENDS)),
        rate=np.outer(rate, np.exp(BEND_STD * BENDS)).ravel(),
        offset=np.repeat(offset, len(BENDS)),
        probability=np.outer(of_laws / of_laws.sum(), of_bends / of_bends.sum()).ravel(),
    )


def log_evidence(curve: Curve) -> float:
    """How well power laws explain the curve, on average over the prior; up to a constant.

    The constant is the same for curves that differ only in their counts. So the difference of two
    values is the logarithm of a Bayes factor.
    """
    _, rate, falling = _shapes(curve)
    log_density = _log_density(curve, _kept(curve)[0], falling, rate)
    return float(log_density.max() + np.log(np.exp(log_density - log_density.max()).mean()))


def _kept(curve: Curve) -> tuple[np.ndarray, float, float]:
    """The points that are used, ascending; the labels at the first and at the last of them."""
    kept = np.argsort(curve.counts, kind="stable")
    kept = kept[curve.counts[kept] > 0]
    kept = kept[min(EARLY_POINTS, max(0, len(kept) - LEAST_POINTS)) :]
    if not len(kept):
        return kept, 1.0, 1.0
    return kept, float(curve.counts[kept[0]]), float(curve.counts[kept[-1]])


def _shapes(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets and rates on the grid, `(shapes,)`; how far the error falls, `(points, shapes)`."""
    kept, first, now = _kept(curve)
    offset, rate = (axis.ravel() for axis in np.meshgrid(OFFSETS * now, RATES, indexing="ij"))
    n = curve.counts[kept].astype(np.float64)
    return offset, rate, ((first + offset) / (n[:, None] + offset)) ** rate


def _log_density(
    curve: Curve, kept: np.ndarray, falling: np.ndarray, rate: np.ndarray
) -> np.ndarray:
    """Logarithm of prior times likelihood of each law, up to a constant.

    Its shape is `(floors, shapes, scales)`.

    Errors are normal around floor + scale * falling; the sum of squares is multiplied out.
    """
    variance = curve.variances[kept]
    common = np.sqrt(curve.shared * variance)
    noise = np.maximum(NOISE * (1 - curve.values[kept]), LEAST_NOISE)
    covariance = np.diag((1 - curve.shared) * variance + noise**2) + np.outer(common, common)
    weight = np.linalg.inv(covariance)
    above_floor = 1 - curve.values[kept] - FLOORS[:, None]  # (floors, points)
    constant = (above_floor * (above_floor @ weight)).sum(axis=1)[:, None, None]
    linear = (above_floor @ weight @ falling)[..., None] * SCALES
    quadratic = (falling * (weight @ falling)).sum(axis=0)[:, None] * SCALES**2
    misfit = constant - 2 * linear + quadratic
    # Prior: exponential floors (mean 0.08), log-normal rates around 0.5
    penalty = FLOORS[:, None] / 0.08 + np.log(rate / 0.5) ** 2 / (2 * 0.6**2)
    log_density: np.ndarray = -(misfit / 2 + penalty[..., None])
    return log_density
