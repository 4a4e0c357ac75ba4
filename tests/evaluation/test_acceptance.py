"""The evidence about a batch: exact by enumeration, and its guarantees by simulation."""

from itertools import combinations

import numpy as np
import pytest
from helpers import by_default

from wsal.evaluation.acceptance import (
    interval,
    log_evidence_against,
    log_evidence_for,
    most_rejected,
)

REPEATS = by_default(1_500, thorough=20_000)


def paths(size, n_right, repeats, seed):
    """Right predictions among the first labels of random orders, `(repeats, size)`."""
    rng = np.random.default_rng(seed)
    right = np.arange(size) < n_right
    orders = np.array([rng.permutation(right) for _ in range(repeats)])
    return orders.cumsum(axis=1), np.arange(1, size + 1)


def mean_evidence(evidence, size, n_right):
    """The mean of the evidence after each label over all orders, by enumeration."""
    total = np.zeros(size)
    orders = list(combinations(range(size), n_right))
    for places in orders:
        right = np.isin(np.arange(size), places).cumsum()
        total += np.exp(evidence(right, np.arange(1, size + 1)))
    return total / len(orders)


@pytest.mark.parametrize("precision", [0.6, 0.75, 0.9])
def test_the_evidence_for_a_precision_is_fair_for_a_batch_just_below_it(precision):
    size = 10
    bad = most_rejected(size, precision)
    mean = mean_evidence(lambda r, n: log_evidence_for(r, n, size, precision), size, bad)
    assert mean[0] == pytest.approx(1)
    assert (mean <= 1 + 1e-9).all()
    worse = mean_evidence(lambda r, n: log_evidence_for(r, n, size, precision), size, bad - 2)
    assert (worse <= 1 + 1e-9).all()


def test_the_evidence_against_a_precision_is_fair_for_a_batch_that_just_reaches_it():
    size, precision = 10, 0.75
    good = most_rejected(size, precision) + 1
    mean = mean_evidence(lambda r, n: log_evidence_against(r, n, size, precision), size, good)
    assert mean[0] == pytest.approx(1)
    assert (mean <= 1 + 1e-9).all()
    better = mean_evidence(lambda r, n: log_evidence_against(r, n, size, precision), size, good + 1)
    assert (better <= 1 + 1e-9).all()


@pytest.mark.parametrize(("size", "precision", "error"), [(300, 0.95, 0.05), (60, 0.8, 0.1)])
def test_a_bad_batch_hardly_ever_passes_at_any_time(size, precision, error):
    right, asked = paths(size, most_rejected(size, precision), REPEATS, 0)
    passed = (log_evidence_for(right, asked, size, precision) >= np.log(1 / error)).any(axis=1)
    assert passed.mean() <= error + 3 * np.sqrt(error * (1 - error) / REPEATS)
    assert passed.mean() > error / 5  # it does not waste its error either


def test_a_batch_whose_labels_are_all_known_is_certain():
    size, precision = 40, 0.9
    for n_right in (35, 36):
        right, asked = np.minimum(np.arange(1, size + 1), n_right), np.arange(1, size + 1)
        is_good = n_right >= 36
        assert np.isposinf(log_evidence_for(right, asked, size, precision)[-1]) == is_good
        assert np.isposinf(log_evidence_against(right, asked, size, precision)[-1]) != is_good


def test_the_intervals_hold_at_all_times():
    size, n_right, error = 120, 100, 0.1
    right, asked = paths(size, n_right, 100, 1)
    missed = 0
    for path in right:
        ends = [interval(int(r), int(n), size, error) for r, n in zip(path, asked, strict=True)]
        missed += not all(low <= n_right / size <= high for low, high in ends)
        assert ends[-1] == (n_right / size, n_right / size)
    assert missed / 100 <= error + 3 * np.sqrt(error * (1 - error) / 100)


def test_an_interval_is_that_of_trying_every_number():
    size, right, asked, error = 50, 11, 14, 0.05
    fits = []
    for n in range(right, size - (asked - right) + 1):
        ratio, n_right, n_wrong = 1.0, n, size - n
        for number in range(asked):  # the posterior predictive over the probability under n
            is_right = number < right
            seen = number if is_right else number - right
            ratio *= (seen + 1) / (number + 2)
            ratio /= (n_right if is_right else n_wrong) / (size - number)
            n_right, n_wrong = n_right - is_right, n_wrong - (not is_right)
        if ratio < 1 / error:
            fits.append(n / size)
    assert interval(right, asked, size, error) == (fits[0], fits[-1])
