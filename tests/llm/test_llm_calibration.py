"""Stated confidence becomes a probability: with no, few and many examples."""

import numpy as np
import pytest

from wsal.llm.calibration import LARGEST, calibrate

GRID = np.linspace(0, 1, 101)


def simulated(n, truth, seed):
    """`n` answers of a model that states 50 to 99%, and of which `truth(stated)` are right."""
    draw = np.random.default_rng(seed)
    stated = draw.choice([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99], n)
    return stated, (draw.random(n) < truth(stated)).astype(float)


def calibration_error(probability, is_right):
    bins = np.minimum((probability * 10).astype(int), 9)
    sums = [abs((probability - is_right)[bins == b].sum()) for b in range(10)]
    return sum(sums) / len(is_right)


TRUTHS = {
    "says too much": lambda stated: stated**3,
    "says too little": lambda stated: 0.9 + 0.09 * stated,
    "says the same of right and wrong": lambda stated: np.full_like(stated, 0.7),
}


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
def test_examples_bring_it_nearer_to_the_truth(truth):
    test, is_right = simulated(20_000, truth, seed=0)
    errors = {
        n: np.mean(
            [calibration_error(calibrate(*simulated(n, truth, seed))(test), is_right)
             for seed in range(1, 21)]
        )
        for n in (0, 20, 400)
    }  # fmt: skip
    assert errors[400] < 0.035
    assert errors[400] < errors[20] < errors[0] + 0.01  # a few examples do no harm
    assert errors[20] < 0.11


def test_without_examples_confidence_is_shrunk_towards_three_quarters():
    prior = calibrate(np.empty(0), np.empty(0))
    probability = prior(np.array([0.4, 0.75, 0.84, 0.85, 0.95, 1.0]))
    assert probability[1] == pytest.approx(0.75)
    assert (np.abs(probability - 0.75)[[0, 4]] < [0.35, 0.2]).all()
    assert probability[2] < 0.8 < probability[3]  # so 85% is just enough for `accept`
    assert probability[5] < 0.96


@pytest.mark.parametrize("n", [1, 5, 20])
@pytest.mark.parametrize("right", [0.0, 1.0, "only the unsure"])
def test_few_examples_that_all_say_the_same_are_not_taken_for_certainty(n, right):
    stated = np.linspace(0.5, 0.99, n)
    is_right = stated < 0.7 if right == "only the unsure" else np.full(n, right)
    probability = calibrate(stated, is_right)(GRID)
    assert (np.diff(probability) >= 0).all()
    assert probability[0] > 0
    assert probability[-1] < 1
    prior = calibrate(np.empty(0), np.empty(0))(GRID)
    assert np.abs(probability - prior)[GRID > 0.5].max() < (0.25 if n == 1 else 0.85)


def test_weights_count_examples_and_may_be_fractions():
    stated, is_right = np.array([0.6, 0.9, 0.95]), np.array([1.0, 0.0, 1.0])
    twice = calibrate(np.repeat(stated, 2), np.repeat(is_right, 2))
    weighed = calibrate(stated, is_right, np.full(3, 2.0))
    np.testing.assert_allclose(weighed(GRID), twice(GRID), atol=1e-4)
    mixed = calibrate(np.array([0.9, 0.9]), np.array([1.0, 0.0]), np.array([0.3, 0.7]))
    half = calibrate(np.array([0.9]), np.array([0.3]))
    np.testing.assert_allclose(mixed(GRID), half(GRID), atol=1e-4)
    none = calibrate(stated, is_right, np.zeros(3))
    np.testing.assert_allclose(none(GRID), calibrate(stated[:0], is_right[:0])(GRID), atol=1e-6)


def test_beyond_the_largest_confidence_nothing_is_told_apart():
    fitted = calibrate(*simulated(100, TRUTHS["says too much"], 3))
    assert fitted(np.array([LARGEST, 1.0])).tolist() == [fitted(np.array([LARGEST]))[0]] * 2
    assert np.isfinite(fitted(np.array([0.0, 1.0]))).all()
