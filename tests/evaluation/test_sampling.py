"""Strata part the frame, allocation is Neyman's, and nothing is drawn twice."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.evaluation.sampling import LEAST, allocate, draw, strata, top_up

NOBODY = np.empty(0, np.int64)


def said(n, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    prior = 1 / np.arange(1, n_classes + 1)
    return rng.dirichlet(prior / prior.sum() * 2, size=n).astype(np.float32)


def same_parts(one, other):
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(np.unique(one)) == len(np.unique(other))


@given(
    n=st.integers(1, 300), c=st.integers(2, 40), most=st.integers(3, 60), seed=st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_every_text_has_a_stratum_whatever_the_order(n, c, most, seed):
    probs = said(n, c, seed)
    stratum = strata(probs, most)
    order = np.random.default_rng(seed).permutation(n)
    assert stratum.shape == (n,)
    assert np.unique(stratum).tolist() == list(range(stratum.max() + 1))  # no gaps
    assert stratum.max() < most
    assert same_parts(strata(probs[order], most), stratum[order])


def test_with_room_enough_they_are_class_by_third():
    probs = said(3_000, 4)
    stratum = strata(probs, 12)
    assert stratum.max() == 11
    for one in range(12):
        assert len(np.unique(probs[stratum == one].argmax(axis=1))) == 1
    for one in range(0, 12, 3):
        ends = [probs[stratum == one + k].max(axis=1) for k in range(3)]
        assert ends[0].max() <= ends[1].min() and ends[1].max() <= ends[2].min()


def test_many_classes_make_no_tiny_strata():
    probs = said(5_000, 143)
    assert len(np.unique(probs.argmax(axis=1))) > 100
    assert np.bincount(strata(probs, 40)).min() >= LEAST // 3


def test_equal_confidences_are_not_parted():
    probs = np.repeat(np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), 50, axis=0)
    assert np.bincount(strata(probs, 40)).tolist() == [50, 50]


def test_allocation_is_the_best_there_is():
    rng = np.random.default_rng(0)
    for _ in range(20):
        sizes, spreads = rng.integers(4, 12, size=3), rng.uniform(0.1, 0.5, size=3)
        found = allocate(sizes, spreads, 12, np.zeros(3, np.int64))
        splits = [x for x in product(*(range(2, s + 1) for s in sizes)) if sum(x) == 12]
        variance = [((sizes * spreads) ** 2 / np.array(x)).sum() for x in splits]
        if splits:
            assert ((sizes * spreads) ** 2 / found).sum() == pytest.approx(min(variance))


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    n=st.integers(0, 150),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_what_allocation_promises(sizes, n, seed):
    rng = np.random.default_rng(seed)
    sizes = np.array(sizes)
    taken, spreads = rng.integers(0, sizes + 1), rng.uniform(0.1, 0.5, size=len(sizes))
    counts = allocate(sizes, spreads, n, taken)
    assert counts.sum() == min(n, (sizes - taken).sum())
    assert (counts >= 0).all() and (counts + taken <= sizes).all()
    needed = np.minimum(sizes, 2) - taken
    if n >= needed.clip(0).sum():
        assert (counts >= needed).all()


def test_a_top_up_fills_towards_what_all_at_once_would_be():
    sizes, spreads = np.array([500, 300, 200]), np.array([0.1, 0.3, 0.5])
    none = np.zeros(3, np.int64)
    first = allocate(sizes, spreads, 40, none)
    more = allocate(sizes, spreads, 60, first)
    assert (first + more).tolist() == allocate(sizes, spreads, 100, none).tolist()
    shares = sizes * spreads / (sizes * spreads).sum()
    assert np.abs(first + more - 100 * shares).max() < 1.5


def test_no_row_is_drawn_twice_and_each_has_an_equal_chance():
    stratum = np.repeat([0, 1], [6, 4])
    times = np.zeros(10)
    for seed in range(2_000):
        rows = draw(stratum, np.array([2, 9]), np.array([0, 9]), np.random.default_rng(seed))
        assert len(set(rows)) == len(rows) == 5  # of the second stratum but 3 are left
        times[rows] += 1
    assert times[[0, 9]].sum() == 0
    assert times[6:9].tolist() == [2_000] * 3
    assert times[1:6] == pytest.approx(800, abs=100)


def test_rounds_of_top_ups_use_up_the_frame():
    probs = said(90, 5)
    stratum, taken = strata(probs, 12), NOBODY
    for number in range(4):
        rows = top_up(stratum, probs, 30, taken, np.random.default_rng(number))
        assert not np.isin(rows, taken).any()
        taken = np.concatenate([taken, rows])
    assert sorted(taken) == list(range(90))


def test_more_is_asked_where_the_newest_classifier_is_unsure():
    stratum = np.repeat([0, 1], 500)
    probs = np.repeat(np.array([[0.99, 0.01], [0.6, 0.4]], np.float32), 500, axis=0)
    rows = top_up(stratum, probs, 60, NOBODY, np.random.default_rng(0))
    assert (stratum[rows] == 1).sum() > 2 * (stratum[rows] == 0).sum()


@given(n=st.integers(0, 120), k=st.integers(0, 120), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_first_answers_are_spread_over_strata_as_if_no_more_had_been_asked(n, k, seed):
    probs = said(150, 5, seed)
    stratum, k = strata(probs, 12), min(k, n)
    taken = np.random.default_rng(seed).permutation(150)[: seed % 50]
    rows = top_up(stratum, probs, n, taken, np.random.default_rng(seed))
    fewer = top_up(stratum, probs, k, taken, np.random.default_rng(seed))
    assert np.array_equal(np.bincount(stratum[rows[:k]]), np.bincount(stratum[fewer]))


def test_the_first_answers_of_a_stratum_are_any_of_its_texts():
    stratum, probs = np.repeat([0, 1], [6, 20]), said(26, 3)
    first = np.zeros(26)
    for seed in range(3_000):
        first[top_up(stratum, probs, 8, NOBODY, np.random.default_rng(seed))[:2]] += 1
    assert first[:6] == pytest.approx(500, abs=100)
    assert first[6:] == pytest.approx(150, abs=50)
