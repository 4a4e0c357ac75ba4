"""Slices: intervals that hold together, against exact ones; groups of texts."""

import numpy as np
import polars as pl
import pytest
from helpers import by_default
from scipy.stats import binomtest

from wsal.inspection.groupings import (
    LEAST,
    NO_VALUE,
    OTHERS,
    Grouping,
    by_class,
    by_number,
    by_value,
    by_votes,
)
from wsal.inspection.slices import LEVEL, slices
from wsal.labels import LabelSet


def random_groupings(n, rng, n_fields=15):
    """Fields of few to many values, most of them in small groups."""
    columns = []
    for field in range(n_fields):
        k = int(rng.integers(2, 50))
        values = rng.choice(k, n, p=rng.dirichlet(np.full(k, 0.5)))
        columns.append(by_value(f"field {field}", pl.Series([f"v{value}" for value in values])))
    return columns


@pytest.mark.parametrize("kind", ["rare errors", "many errors", "evaluation sample"])
def test_where_no_slice_differs_a_false_alarm_is_as_rare_as_the_level_says(kind):
    """Groups of 20 texts with rare errors are where intervals of Wilson fail; see the module."""
    rng, runs, alarms = np.random.default_rng(0), by_default(60, thorough=1000), 0
    for _ in range(runs):
        n = int(rng.integers(300, 1500))
        weights, error = np.ones(n), np.full(n, 0.3 if kind == "many errors" else 0.03)
        if kind == "evaluation sample":  # unsure texts are drawn more often, and weigh less
            stratum = rng.integers(0, 3, n)
            weights, error = (
                np.array([1.0, 5.0, 30.0])[stratum],
                np.array([0.3, 0.1, 0.02])[stratum],
            )
        found = slices(random_groupings(n, rng), rng.random(n) >= error, weights)
        assert len(found) > 40
        alarms += any(s.is_worse or s.difference_low > 0 for s in found)
    assert alarms <= (1 - LEVEL) * runs


def test_a_slice_that_is_worse_is_found_and_comes_first():
    rng = np.random.default_rng(1)
    groupings = random_groupings(2000, rng)
    bad = groupings[3].group == 1
    found = slices(groupings, rng.random(2000) >= np.where(bad, 0.4, 0.05), np.ones(2000))
    assert (found[0].by, found[0].value) == ("field 3", groupings[3].values[1])
    assert found[0].is_worse
    assert found[0].rows.tolist() == np.flatnonzero(bad).tolist()
    ends = [s.difference_high for s in found]
    assert ends == sorted(ends)


def test_unweighted_intervals_are_exact_at_the_corrected_level():
    rng = np.random.default_rng(2)
    right, groupings = rng.random(600) < 0.9, random_groupings(600, rng)
    found = slices(groupings, right, np.ones(600))
    for s in found:
        exact = binomtest(s.n_texts - s.n_wrong, s.n_texts).proportion_ci(
            1 - (1 - LEVEL) / len(found)
        )
        assert [s.low, s.high] == pytest.approx([exact.low, exact.high], abs=1e-9)
        others = np.setdiff1d(np.arange(600), s.rows)
        assert s.rest == pytest.approx(right[others].mean())
        assert s.difference == pytest.approx(s.accuracy - s.rest)


def test_weights_count_and_unequal_ones_widen_the_interval():
    group, right = np.repeat([0, 1], 50), np.arange(100) % 5 > 0
    grouping, weights = Grouping("shop", ("a", "b"), group), np.ones(100)
    even = {s.value: s for s in slices([grouping], right, weights)}
    weights[5] = 20  # a wrong text of a
    uneven = {s.value: s for s in slices([grouping], right, weights)}
    assert uneven["a"].accuracy == pytest.approx(40 / 69)
    assert uneven["a"].high - uneven["a"].low > 1.5 * (even["a"].high - even["a"].low)
    assert uneven["b"].accuracy == even["b"].accuracy == 0.8


def test_small_groups_and_their_rests_are_left_out():
    group = np.repeat([0, 1], [LEAST - 1, 100])
    assert (
        slices([Grouping("shop", ("a", "b"), group)], np.ones(len(group)) > 0, np.ones(119)) == []
    )


def test_values_of_few_texts_are_together_and_missing_ones_have_a_group():
    values = pl.Series(["a"] * 40 + [f"rare {i}" for i in range(30)] + [None] * 15 + [" "] * 10)
    grouping = by_value("shop", values)
    assert grouping.values == ("a", NO_VALUE, OTHERS)
    assert np.bincount(grouping.group).tolist() == [40, 25, 30]


def test_a_field_whose_values_all_differ_has_no_groups():
    grouping = by_value("title", pl.Series([f"title {i}" for i in range(100)]))
    assert grouping.values == ()
    assert (grouping.group == -1).all()


def test_numbers_are_in_bins_and_few_distinct_ones_are_values():
    prices = by_value("price", pl.Series([f"{i}.50" for i in range(100)]))
    assert prices.values[0] == "0.5 to 19.5"
    assert np.bincount(prices.group).tolist() == [20] * 5
    stars = by_value("stars", pl.Series(["1", "2", "3"] * 30))
    assert sorted(stars.values) == ["1", "2", "3"]


def test_most_texts_with_the_same_number_make_fewer_bins():
    grouping = by_number("words", pl.Series([3] * 90 + [4, 5, 6, 7] * 5 + [None] * 2))
    assert grouping.values == ("3", "4 to 7")
    assert (grouping.group == -1).sum() == 2


def test_groups_by_votes_and_by_class():
    assert by_votes(np.repeat([0, 1, 2, 7], [30, 25, 5, 20])).values == (
        "none (not covered)", "1", "3 or more",
    )  # fmt: skip
    labels = LabelSet(("x", "y", "z"))
    grouping = by_class("gold class", np.repeat([0, 1, 2], [5, 30, 40]), labels)
    assert grouping.values == ("y", "z")
    assert np.bincount(grouping.group + 1).tolist() == [5, 30, 40]
