"""How many labels a target still needs, from the learning curve so far, and how sure that is."""

from dataclasses import dataclass

import numpy as np

RATES = np.geomspace(0.1, 2, 30)
FLOORS = np.concatenate([[0.0], np.linspace(0.005, 0.35, 28)])
SCALES = np.geomspace(0.002, 1, 60)  # of the error above the floor, at the curve's first point
OFFSETS = np.array([0.0, 0.3, 1.0, 3.0])  # labels that pretraining is worth, by the labels so far
BENDS = np.array([-1.6, -0.8, 0.0, 0.8, 1.6])  # standard deviations
BENDING = 0.45  # a curve's later rate is off by so much, as a logarithm
NOISE = 0.05  # standard deviation between two trainings on the same labels, by their error
LEAST_NOISE = 0.001
EARLY = 2  # first points of a curve, where few shots bring what they like
ENOUGH = 6  # points that must remain
TAILS = (0.1, 0.5, 0.9)  # the median between the ends of an 80% interval


@dataclass(frozen=True)
class Curve:
    """A learning curve: accuracy or macro-F1 after so many gold labels, in any order."""

    counts: np.ndarray  # (points,): gold labels
    values: np.ndarray  # (points,): in [0, 1]
    variances: np.ndarray  # (points,): of the values, for want of evaluation labels
    shared: float = 0.0
    """Share of the variance that all points have in common, in [0, 1]: near 1 where all were
    measured on the same texts, for then they err together."""


@dataclass(frozen=True)
class Forecast:
    """What a target still needs. Intervals are of 80%; `inf` labels: never."""

    labels: float  # more than so far, median
    low: float
    high: float
    unreachable: float  # probability that no number of labels reaches the target
    beyond: bool  # the median lies beyond the horizon: ask again after the next round
    counts: np.ndarray  # (steps,): labels in all, from those so far to the horizon
    lows: np.ndarray  # (steps,): the metric after so many, in [0, 1]
    medians: np.ndarray
    highs: np.ndarray
    reached: np.ndarray  # (steps,): probability that so many reach the target


@dataclass(frozen=True)
class Gain:
    """What further labels are expected to add to the metric, with an 80% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Laws:
    """Ways the error may go on, floor + rest * ((now + offset) / (n + offset)) ** rate."""

    now: float  # labels so far
    floor: np.ndarray  # (laws,)
    rest: np.ndarray  # (laws,): error above the floor now
    rate: np.ndarray
    offset: np.ndarray
    chance: np.ndarray  # (laws,): sums to 1

    def error(self, n: float) -> np.ndarray:
        """The error after `n` labels, `(laws,)`, in [0, 1]."""
        falling = ((self.now + self.offset) / (n + self.offset)) ** self.rate
        errors: np.ndarray = np.minimum(self.floor + self.rest * falling, 1)
        return errors

    def labels(self, error: float) -> np.ndarray:
        """Labels in all until the error is so low, `(laws,)`; inf where it never is."""
        gap = error - self.floor
        log = np.log(self.rest / np.where(gap > 0, gap, 1)) / self.rate
        needed = (self.now + self.offset) * np.exp(np.minimum(log, 300)) - self.offset
        found: np.ndarray = np.where(gap > 0, needed, np.inf)
        return found

    def quantiles(self, numbers: np.ndarray) -> np.ndarray:
        """The 10%, 50% and 90% quantiles of a number that each law gives, `(3,)`."""
        order = np.argsort(numbers, kind="stable")
        at = np.searchsorted(np.cumsum(self.chance[order]), TAILS)
        found: np.ndarray = numbers[order[np.minimum(at, len(order) - 1)]]
        return found


def forecast(curve: Curve, target: float, horizon: float = 3.0, steps: int = 12) -> Forecast:
    """What reaching `target`, in [0, 1], still needs.

    The curve is shown up to `horizon` times the labels so far: further off nothing is sure.

    >>> counts = np.array([20, 40, 80, 160, 320])
    >>> told = forecast(Curve(counts, 1 - 2 * counts**-0.5, np.zeros(5)), target=0.9)
    >>> told.low < 80 < told.high and not told.beyond  # 400 labels in all
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
        unreachable=float(laws.chance @ np.isinf(needed)),
        beyond=bool(middle > (horizon - 1) * laws.now),
        counts=counts,
        lows=bands[:, 0],
        medians=bands[:, 1],
        highs=bands[:, 2],
        reached=np.array([laws.chance @ (needed <= n) for n in counts]),
    )


def next_gain(curve: Curve, n: int) -> Gain:
    """What the next `n` labels are expected to add."""
    laws = posterior(curve)
    added = laws.error(laws.now) - laws.error(laws.now + n)
    low, _, high = laws.quantiles(added)
    return Gain(float(laws.chance @ added), float(low), float(high))


def posterior(curve: Curve) -> Laws:
    """The power laws that agree with the curve, by Bayes' rule on a grid; the prior without points.

    Weak pretraining makes a curve start flat, as if its texts had been some gold labels: that is
    the offset. A point without gold labels is dropped all the same, as nothing was finetuned for
    it. Real curves bend away from any law in time, so each law goes on at rates about its own.
    """
    kept = np.argsort(curve.counts, kind="stable")
    kept = kept[curve.counts[kept] > 0]
    kept = kept[min(EARLY, max(0, len(kept) - ENOUGH)) :]
    n = curve.counts[kept].astype(np.float64)
    first, now = (float(n[0]), float(n[-1])) if len(n) else (1.0, 1.0)
    offset, rate = (one.ravel() for one in np.meshgrid(OFFSETS * now, RATES, indexing="ij"))
    falling = ((first + offset) / (n[:, None] + offset)) ** rate  # (points, shapes)
    chance = _chance(curve, kept, falling, rate)
    f, shape, s = np.nonzero(chance > 1e-4 * chance.max())
    likely, bends = chance[f, shape, s], np.exp(-(BENDS**2) / 2)
    offset, rate = offset[shape], rate[shape]
    rest = SCALES[s] * ((first + offset) / (now + offset)) ** rate
    floor, rest, offset = (np.repeat(one, len(BENDS)) for one in (FLOORS[f], rest, offset))
    bent = np.outer(rate, np.exp(BENDING * BENDS)).ravel()
    chances = np.outer(likely / likely.sum(), bends / bends.sum()).ravel()
    return Laws(now, floor, rest, bent, offset, chances)


def _chance(curve: Curve, kept: np.ndarray, falling: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Prior times likelihood of each law, up to a factor: `(floors, shapes, scales)`.

    Errors are normal about the law; the sum of squares is that of c + s * falling, multiplied out.
    """
    variance = curve.variances[kept]
    common = np.sqrt(curve.shared * variance)
    noise = np.maximum(NOISE * (1 - curve.values[kept]), LEAST_NOISE)
    covariance = np.diag((1 - curve.shared) * variance + noise**2) + np.outer(common, common)
    weight = np.linalg.inv(covariance)
    left = 1 - curve.values[kept] - FLOORS[:, None]  # (floors, points)
    crossed = (left @ weight @ falling)[..., None] * SCALES
    squared = (falling * (weight @ falling)).sum(axis=0)[:, None] * SCALES**2
    misfit = (left * (left @ weight)).sum(axis=1)[:, None, None] - 2 * crossed + squared
    prior = FLOORS[:, None] / 0.08 + np.log(rate / 0.5) ** 2 / (2 * 0.6**2)
    log = -(misfit / 2 + prior[..., None])
    chance: np.ndarray = np.exp(log - log.max())
    return chance
