"""Differences of counts: false alarms, and what is found."""

import numpy as np
import pytest
from helpers import by_default
from scipy.stats import chi2_contingency

from wsal.evaluation.drift import class_changes, difference, holm

REPEATS = by_default(120, thorough=3_000)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize(("n", "k"), [(2_000, 10), (100, 20)])
def test_there_are_no_more_false_alarms_than_allowed(n, k, ordered):
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(k))
    made = [
        difference(rng.multinomial(1_500, shares), rng.multinomial(n, shares), rng, ordered=ordered)
        for _ in range(REPEATS)
    ]
    alarms = np.mean([one.p_value <= 0.05 for one in made])
    assert alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPEATS)
    assert np.median([one.effect for one in made]) < 0.02


def test_with_many_texts_the_p_value_is_that_of_the_chi_square_test():
    table = [[400, 300, 300], [450, 250, 300]]
    expected = chi2_contingency(table, correction=False).pvalue
    made = difference(*table, np.random.default_rng(0), ordered=False)
    assert made.p_value == pytest.approx(expected)


def test_few_texts_are_compared_by_permutations():
    table = [[9, 1, 1], [1, 5, 4]]
    made = difference(*table, np.random.default_rng(0), ordered=False)
    assert 0.001 < made.p_value < 0.02


def test_an_ordered_difference_is_the_largest_one_up_to_a_bin():
    reference, new = [5_000, 5_000, 0], [0, 5_000, 5_000]
    made = difference(reference, new, np.random.default_rng(0), ordered=True)
    assert made.effect == pytest.approx(0.5, abs=0.02)
    other = difference(reference, new, np.random.default_rng(0), ordered=False)
    assert other.effect == pytest.approx(0.5, abs=0.02)


def test_nothing_to_compare_is_no_difference():
    rng = np.random.default_rng(0)
    assert difference([0, 0], [3, 4], rng, ordered=False).p_value == 1
    assert difference([5, 0], [3, 0], rng, ordered=False).p_value == 1


def test_holm_corrects_for_the_number_of_tests():
    assert holm([0.2, 0.01, 0.04]) == [0.2, 0.03, 0.08]
    assert holm([]) == []


def test_intervals_of_all_classes_hold_together():
    rng, shares = np.random.default_rng(0), np.array([0.5, 0.3, 0.15, 0.04, 0.01])
    after = np.array([0.45, 0.3, 0.15, 0.04, 0.06])
    missed = 0
    for _ in range(REPEATS):
        made = class_changes(rng.multinomial(800, shares), rng.multinomial(600, after))
        missed += not all(c.low <= (after - shares)[c.number] <= c.high for c in made)
    assert missed / REPEATS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPEATS)


def test_the_largest_change_comes_first():
    first, *_ = class_changes([500, 500, 0], [300, 500, 200])
    assert (first.number, first.is_sure) in ((0, True), (2, True))
    assert first.after - first.before == pytest.approx(-0.2)
