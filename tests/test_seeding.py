"""Draws of a few rows among many."""

import numpy as np
import pytest

from wsal.seeding import random_of, random_rows, rng, uniform


def test_a_row_has_the_same_number_in_whatever_part_it_comes():
    whole = uniform(0, 1_000, 7, "ties")
    parts = [uniform(first, 100, 7, "ties") for first in range(0, 1_000, 100)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(uniform(0, 1_000, 7, "random"), whole)
    assert whole.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("shuffled", [1_000_000, 10])
@pytest.mark.parametrize("size", [0, 7, 30, 200])
def test_rows_are_drawn_once_each_and_uniformly(shuffled, size, monkeypatch):
    monkeypatch.setattr("wsal.seeding.SHUFFLED", shuffled)
    mask = np.arange(200) % 3 == 0
    counts = np.zeros(200)
    for seed in range(600):
        rows = random_of(mask, size, rng(seed))
        assert len(np.unique(rows)) == len(rows) == min(size, 67)
        counts[rows] += 1
    assert not counts[~mask].any()
    assert counts[mask] == pytest.approx(600 * min(size, 67) / 67, abs=75)
    assert sorted(random_rows(20, 99, rng(0)).tolist()) == list(range(20))


def test_of_few_rows_those_of_a_permutation_are_drawn():
    mask = np.arange(200) % 3 == 0
    drawn = rng(0).permutation(np.flatnonzero(mask))[:9]
    assert random_of(mask, 9, rng(0)).tolist() == drawn.tolist()
