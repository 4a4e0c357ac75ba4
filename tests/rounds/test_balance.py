"""Drawing texts so that rare classes are not lost."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wsal.rounds.balance import balanced


@given(
    classes=st.lists(st.integers(0, 6), max_size=60),
    n=st.integers(0, 80),
    power=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    seed=st.integers(0, 9),
)
def test_draws_what_was_asked_for_and_repeats_evenly(classes, n, power, seed):
    classes = np.array(classes, dtype=int)
    drawn = balanced(classes, n, power, np.random.default_rng(seed))
    assert len(drawn) == (n if len(classes) else 0)
    assert (np.diff(drawn) >= 0).all()
    times = np.bincount(drawn, minlength=len(classes))
    for label in np.unique(classes):
        of_class = times[classes == label]
        assert of_class.max() - of_class.min() <= 1
    if len(classes):
        counts = np.bincount(classes)
        wanted = n * counts ** (1 - power) * (counts > 0)
        wanted = wanted / (counts ** (1 - power) * (counts > 0)).sum()
        assert np.abs(np.bincount(classes[drawn], minlength=len(counts)) - wanted).max() < 1


def test_without_balance_all_texts_are_drawn_once():
    classes = np.array([0, 1, 1, 2, 0, 1])
    assert balanced(classes, 6, 0.0, np.random.default_rng(0)).tolist() == list(range(6))


def test_the_same_seed_draws_the_same_texts():
    classes = np.random.default_rng(0).integers(5, size=1_000)
    first, second = (balanced(classes, 300, 0.5, np.random.default_rng(3)) for _ in range(2))
    assert (first == second).all()
