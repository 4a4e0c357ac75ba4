"""Whether enough predictions of a batch are right, by a growing sample without replacement.

The evidence is a test martingale (a bet that starts with 1): if too few predictions are right, it
ever reaches 1 / error with a probability of at most `error`, however often one looks, and whatever
makes one stop (Ville, 1939). For sampling without replacement, the ratio of the probabilities of
the labels under two numbers of right predictions is such a martingale (Waudby-Smith and Ramdas,
"Confidence sequences for sampling without replacement", 2020); so is a mixture of such ratios.
"""

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp

FEWER_ERRORS = (0.0, 0.25, 0.5, 0.75)
"""What is bet on, as multiples of the share of errors that is just too large."""
MORE_ERRORS = (1.0, 1.25, 1.6, 2.2, 3.2, 5.0, 8.0)

Log = NDArray[np.float64]


def most_rejected(size: int, precision: float) -> int:
    """The largest number of right predictions that is too small for a precision.

    >>> most_rejected(200, 0.95), most_rejected(3, 1.0)
    (189, 2)
    """
    return math.ceil(precision * size - 1e-9) - 1


def log_evidence_for(right: ArrayLike, asked: ArrayLike, size: int, precision: float) -> Log:
    """The logarithm of the evidence that the precision is reached, `(labels,)`.

    Args:
        right: how many of the first labels say that the prediction is right.
        asked: how many labels these are.
        size: how many texts the sample is drawn from.
        precision: the least share of right predictions, in (0, 1].

    >>> float(log_evidence_for(90, 90, 1000, 0.95).round(2))
    3.92
    """
    least_bad = size - most_rejected(size, precision)
    errors = [math.floor(times * least_bad) for times in FEWER_ERRORS]
    alternatives = [n for n in errors if n < least_bad]
    is_certain = np.asarray(right) > size - least_bad
    return np.where(is_certain, np.inf, _log_ratio(right, asked, size, least_bad, alternatives))


def log_evidence_against(right: ArrayLike, asked: ArrayLike, size: int, precision: float) -> Log:
    """The logarithm of the evidence that the precision is not reached; see `log_evidence_for`."""
    least_bad = size - most_rejected(size, precision)
    errors = [min(size, math.ceil(times * least_bad)) for times in MORE_ERRORS]
    is_certain = np.asarray(asked) - np.asarray(right) >= least_bad
    return np.where(is_certain, np.inf, _log_ratio(right, asked, size, least_bad - 1, errors))


def _log_ratio(
    right: ArrayLike, asked: ArrayLike, size: int, errors: int, alternatives: list[int]
) -> Log:
    """How much more probable the labels are under the alternatives than with so many errors.

    Minus infinity where they are impossible under all alternatives.
    """
    n_right = np.asarray(right, dtype=np.float64)
    n_wrong = np.asarray(asked, dtype=np.float64) - n_right
    null = _log_probability(n_right, n_wrong, size, errors)
    mixed = [_log_probability(n_right, n_wrong, size, other) for other in alternatives]
    mixture = logsumexp(mixed, axis=0) - math.log(len(alternatives))
    impossible = np.isneginf(mixture)
    with np.errstate(invalid="ignore"):
        ratio: Log = np.where(impossible, -np.inf, mixture - null)
    return ratio


def _log_probability(n_right: Log, n_wrong: Log, size: int, errors: int) -> Log:
    """Of labels in their order, up to a constant that does not depend on `errors`."""
    return _log_falling(size - errors, n_right) + _log_falling(errors, n_wrong)


def _log_falling(n: int, k: Log) -> Log:
    """log(n (n-1) ... (n-k+1)); minus infinity where k > n."""
    possible = k <= n
    falling: Log = np.where(
        possible, gammaln(n + 1.0) - gammaln(np.where(possible, n - k, 0.0) + 1.0), -np.inf
    )
    return falling


def interval(right: int, asked: int, size: int, error: float) -> tuple[float, float]:
    """The precisions that the labels do not rule out, valid however often one looks.

    It has the precision of all `size` texts with a probability of at least `1 - error` at all
    times together: a confidence sequence, by the ratio of a uniform prior and its posterior over
    the number of right predictions (Waudby-Smith and Ramdas, 2020).

    >>> interval(0, 0, 500, 0.05), interval(500, 500, 500, 0.05)
    ((0.0, 1.0), (1.0, 1.0))
    """
    wrong = asked - right
    share = right / asked if asked else 0.5
    best = right + round((size - asked) * share)
    marginal = gammaln(right + 1.0) + gammaln(wrong + 1.0) - gammaln(asked + 2.0)
    orders = gammaln(size + 1.0) - gammaln(size - asked + 1.0)
    labels = np.array([float(right)]), np.array([float(wrong)])

    def possible(n_right: int) -> bool:
        log_p = _log_probability(*labels, size, size - n_right)[0] - orders
        return bool(marginal - log_p < math.log(1 / error))

    low = right + bisect_left(range(right, best), 1, key=possible)
    above = range(best, size - wrong + 1)
    too_many = bisect_left(above, 1, key=lambda n: not possible(n))
    return low / size, (best + too_many - 1) / size
