"""Parts of a batch: what is released, and how often something bad is."""

import numpy as np
import pytest
from helpers import by_default

from wsal.evaluation.parts import Goal, Parts, judge, next_texts

GOAL = Goal(0.9, 0.1)
REPEATS = by_default(100, thorough=2_000)


def label(parts, right, goal=GOAL, budget=400, fewest=5):
    """Label step by step as `wsal accept` does; the verdict, and what is known then."""
    known = np.full(len(right), np.nan)
    while True:
        left = budget - int(np.isfinite(known).sum())
        rows, verdict = next_texts(parts, known, goal, fewest, 50, left)
        if not len(rows):
            return verdict, known
        assert np.isnan(known[rows]).all()  # nothing is asked twice
        known[rows] = right[rows]


def batch(shares, size, rng):
    """Confidences, and right predictions: `shares` of them in each tenth, the surest first."""
    right = np.concatenate([
        np.arange(size // len(shares)) < round(share * size / len(shares)) for share in shares
    ])  # fmt: skip
    return np.linspace(0.99, 0.3, len(right)), right.astype(float)


@pytest.mark.parametrize(
    "shares",
    [
        [0.89] * 10,  # all parts are bad
        [0.97] * 4 + [0.83] * 6,  # the first parts are good, the whole is not
        [1.0, 1.0, 0.68, 0.88, 0.88, 0.88, 0.88, 0.88, 0.88, 0.88],
    ],
)
def test_a_bad_part_is_hardly_ever_released(shares):
    rng = np.random.default_rng(0)
    n_bad = 0
    for _ in range(REPEATS):
        confidence, right = batch(shares, 400, rng)
        parts = Parts.of(confidence, rng)
        verdict, _ = label(parts, right)
        released = parts.part < verdict.n_released
        n_bad += bool(released.any() and right[released].mean() < GOAL.precision)
    error = GOAL.error
    assert n_bad / REPEATS <= error + 3 * np.sqrt(error * (1 - error) / REPEATS)


def test_a_good_batch_is_released_with_few_labels():
    rng, n_labels, n_released = np.random.default_rng(1), [], []
    for _ in range(20):
        confidence, right = batch([0.99] * 10, 2_000, rng)
        parts = Parts.of(confidence, rng)
        verdict, known = label(parts, right)
        n_labels.append(np.isfinite(known).sum())
        n_released.append(verdict.n_released == len(parts.limits))
    assert np.mean(n_released) > 0.9
    assert np.mean(n_labels) < 130


def test_the_good_part_of_a_mixed_batch_is_released():
    rng = np.random.default_rng(2)
    confidence, right = batch([1.0] * 6 + [0.5] * 4, 2_000, rng)
    parts = Parts.of(confidence, rng)
    verdict, _ = label(parts, right)
    share = parts.sizes[verdict.n_released - 1] / 2_000
    assert 0.5 <= share <= 0.7


def test_texts_with_the_same_confidence_are_in_the_same_part():
    confidence = np.array([0.9] * 30 + [0.5] * 70)
    parts = Parts.of(confidence, np.random.default_rng(0))
    assert parts.limits == (0.9, 0.5)
    assert parts.sizes == [30, 100]
    assert set(parts.part[:30]) == {0}
    assert sorted(parts.orders[0]) == list(range(30))


def test_labels_after_a_gap_do_not_count_yet():
    parts = Parts.of(np.full(50, 0.9), np.random.default_rng(0))
    known, order = np.full(50, np.nan), parts.orders[0]
    known[order[:10]], known[order[11:40]] = 1, 1
    assert judge(parts, known, GOAL).standings[0].asked == 10
    known[order[10]] = 0
    assert (
        judge(parts, known, GOAL).standings[0].asked,
        judge(parts, known, GOAL).standings[0].right,
    ) == (40, 39)


def test_what_was_certain_once_stays_certain():
    parts = Parts.of(np.full(500, 0.9), np.random.default_rng(0))
    known, order = np.full(500, np.nan), parts.orders[0]
    known[order[:60]] = 1
    assert judge(parts, known, GOAL).n_released == 1
    known[order[60:90]] = 0
    assert judge(parts, known, GOAL).n_released == 1


def test_no_label_is_asked_where_it_is_not_worth_it():
    parts = Parts.of(np.linspace(0.3, 0.9, 40), np.random.default_rng(0))
    known = np.full(40, np.nan)
    known[parts.order[:20]] = 0
    rows, verdict = next_texts(parts, known, GOAL, 5, 50, 500)
    assert (len(rows), verdict.n_released) == (0, 0)
