"""Answers of a language model narrow the intervals, and leave them honest however bad they are."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers import by_default
from sklearn.metrics import accuracy_score
from worlds import answers, drawn, true_f1, world

from wsal.evaluation.auxiliary import Expected, expect
from wsal.evaluation.estimates import _accuracy, accuracy, gain, macro_f1
from wsal.evaluation.sample import Auxiliary, Sample
from wsal.evaluation.sampling import NO_ROWS, top_up

REPEATS = by_default(50, thorough=200)
METRICS = (accuracy, macro_f1)


@cache
def frame(n):
    """A frame of so many texts, a classifier, and its accuracy and macro-F1."""
    probs, gold = world(signal=5.0, n=n)
    return probs, gold, measures(probs, gold)


def measures(probs, gold):
    return np.array([accuracy_score(gold, probs.argmax(axis=1)), true_f1(probs, gold)])


def estimated(probs, gold, seed, **how):
    """Values of both metrics, and the ends of their intervals, from 100 labels."""
    sample = drawn(probs, gold, 100, seed, **how)
    estimates = [f(sample, probs, np.random.default_rng(seed)) for f in METRICS]
    return [(e.value, e.low, e.high) for e in estimates]


@cache
def without_answers(n):
    """Estimates from samples without answers: each kind of answers is compared with these."""
    probs, gold, _ = frame(n)
    return [estimated(probs, gold, seed) for seed in range(REPEATS)]


def simulated(kind, share, n):
    """Widths and errors of both metrics with the answers and without, and whether they cover."""
    probs, gold, truth = frame(n)
    estimates = []
    for seed, without in enumerate(without_answers(n)):
        auxiliary = answers(kind, probs, gold, share, seed)
        estimates.append((estimated(probs, gold, seed, auxiliary=auxiliary), without))
    value, low, high = np.moveaxis(np.array(estimates), 3, 0)
    return (high - low).mean(axis=0), value - truth, ((low <= truth) & (truth <= high)).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "share", "n", "most"),
    [
        ("good", 1.0, 2_500, 0.85), ("good", 0.1, 5_000, 0.97),
        ("bad", 1.0, 2_500, 1.1), ("alike", 0.2, 5_000, 1.05),
    ],
)  # fmt: skip
def test_intervals_hold_and_good_answers_narrow_them(kind, share, n, most):
    width, error, covered = simulated(kind, share, n)
    assert (width[0] < most * width[1]).all()
    assert (covered[0] >= 0.86).all()
    bias, noise = error[:, 0].mean(axis=0), error[:, 0].std(axis=0) / np.sqrt(len(error))
    assert (np.abs(bias) < 3 * noise + 0.002).all()


@pytest.mark.slow
def test_intervals_of_a_small_frame_hold_for_new_texts():
    """The frame is a sample of the texts that the classifier is for, and may be a small one."""
    probs, gold = world(signal=5.0, n=40_000)
    truth, covered = measures(probs, gold), []
    for seed in range(REPEATS):
        rows = np.random.default_rng([seed, 1]).choice(len(gold), 400, replace=False)
        auxiliary = answers("good", probs[rows], gold[rows], 1.0, seed)
        estimates = estimated(probs[rows], gold[rows], seed, most=25, auxiliary=auxiliary)
        covered.append(
            [low <= t <= high for (_, low, high), t in zip(estimates, truth, strict=True)]
        )
    assert (np.mean(covered, axis=0) >= 0.82).all()


@pytest.mark.slow
def test_answers_to_a_part_of_the_frame_add_no_bias_whatever_they_are():
    """On average over which texts were asked about, and which of them were labelled."""
    probs, gold = world(n=1_000)
    truth, errors = accuracy_score(gold, probs.argmax(axis=1)), []
    wrong = (probs.argmax(axis=1) + 1) % 10
    for seed in range(400):
        asked = np.random.default_rng(seed).random(len(gold)) < 0.15
        auxiliary = Auxiliary(asked, np.where(asked, wrong, -1), np.full(len(gold), 0.9))
        labelled_first = auxiliary if seed % 2 else None
        sample = replace(drawn(probs, gold, 40, seed, 10, labelled_first), auxiliary=auxiliary)
        believed = probs.copy()
        believed[asked] = np.eye(10)[wrong[asked]]
        statistic = _accuracy(sample, Expected(probs.argmax(axis=1), probs, believed))
        weights = sample.weights[None], sample.asked_weights[None]
        errors.append(statistic(sample.rows, sample.gold, *weights)[0] - truth)
    assert abs(np.mean(errors)) < 3 * np.std(errors) / 20


def test_without_answers_nothing_changes():
    probs, gold = world(n=600)
    sample = drawn(probs, gold, 60, seed=1)
    nothing = np.zeros(600)
    empty = Auxiliary(nothing > 0, np.full(600, -1), nothing)
    others = replace(sample, auxiliary=empty)
    for estimate in METRICS:
        one, other = (estimate(s, probs, np.random.default_rng(0)) for s in (sample, others))
        assert one == other
    assert expect(sample, probs).probs is probs


def test_answers_that_are_always_right_leave_hardly_any_doubt():
    probs, gold = world(n=2_000)
    sure = Auxiliary(np.ones(2_000, dtype=bool), gold, np.full(2_000, 0.97))
    sample = drawn(probs, gold, 100, seed=0, auxiliary=sure)
    alone = replace(sample, auxiliary=None)
    known, unknown = (accuracy(s, probs, np.random.default_rng(0)) for s in (sample, alone))
    assert known.high - known.low < 0.6 * (unknown.high - unknown.low)
    expected = expect(sample, probs)
    assert expected.right[expected.predicted == gold].mean() > 0.95
    assert expected.right[expected.predicted != gold].mean() < 0.1


def test_answers_that_are_never_right_are_not_used():
    probs, gold = world(n=2_000)
    wrong = Auxiliary(np.ones(2_000, dtype=bool), (gold + 1) % 10, np.full(2_000, 0.97))
    sample = drawn(probs, gold, 100, seed=0, auxiliary=wrong)
    assert expect(sample, probs).probs is probs


def test_a_wholly_labelled_frame_needs_no_answers():
    probs, gold = world(n=400)
    auxiliary = answers("good", probs, gold, 1.0, 0)
    sample = Sample(np.arange(400), gold, np.zeros(400, np.int64), auxiliary=auxiliary)
    right = accuracy(sample, probs, np.random.default_rng(0)).value
    assert right == pytest.approx(accuracy_score(gold, probs.argmax(axis=1)))


def test_gains_use_the_answers_too():
    before, gold = world(signal=4.5)
    after, _ = world(signal=5.5)
    auxiliary = answers("good", after, gold, 1.0, 0)
    sample = drawn(before, gold, 100, seed=0, auxiliary=auxiliary)
    alone = replace(sample, auxiliary=None)
    widths = [
        estimate.high - estimate.low
        for estimate in (
            gain(s, before, after, "accuracy", np.random.default_rng(0)) for s in (sample, alone)
        )
    ]
    assert widths[0] < 0.9 * widths[1]


def test_asked_texts_stand_for_their_stratum():
    stratum = np.repeat([0, 1], [10, 20])
    asked = np.isin(np.arange(30), [0, 1, 2, 3, 4, 10, 11, 12, 13])
    auxiliary = Auxiliary(asked, np.where(asked, 0, -1), np.ones(30))
    sample = Sample(np.array([0, 1, 10, 25]), np.zeros(4, np.int64), stratum, auxiliary=auxiliary)
    weights = sample.asked_weights
    assert weights.tolist() == [2.0] * 5 + [2.5] * 4  # half of the second one's labels are asked


def test_texts_with_answers_are_labelled_first_within_their_strata():
    probs, _ = world(n=600)
    stratum = np.repeat([0, 1, 2], 200)
    first = np.array([*range(4), *range(300, 303)])
    rows = top_up(stratum, probs, 15, NO_ROWS, np.random.default_rng(0), first)
    plain = top_up(stratum, probs, 15, NO_ROWS, np.random.default_rng(0))
    counts = np.bincount(stratum[rows])
    assert counts.tolist() == np.bincount(stratum[plain]).tolist()
    assert set(first) <= set(rows.tolist()) and len(set(rows.tolist())) == 15
