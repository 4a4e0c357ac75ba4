"""Plans of training: everything is seen, little is padded, replay has its share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.classifier.training_plan import pretraining_plan, replay_plan, token_batches


def rng(seed=1):
    return np.random.default_rng(seed)


def steps_of(plan):
    return [plan[step] for step in range(len(plan))]


@given(
    n=st.integers(0, 300), size=st.integers(1, 40), epochs=st.integers(0, 3),
    budget=st.none() | st.integers(1, 900),
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_each_epoch_sees_each_text_once_in_steps_of_the_size_asked_for(n, size, epochs, budget):
    lengths = rng(n).integers(3, 60, size=n)
    plan = pretraining_plan(lengths, size, epochs, rng(), budget)
    assert len(plan.order) == n * epochs == sum(len(step) for step in steps_of(plan))
    for epoch in range(epochs):
        assert sorted(plan.order[epoch * n : (epoch + 1) * n]) == list(range(n))
    for step in steps_of(plan):
        assert len(step)
        if budget is None:
            assert len(step) <= size
        else:
            assert len(step) == 1 or len(step) * lengths[step].max() <= budget


def padding(steps, lengths):
    """Tokens that go through the model for each that is text."""
    return sum(len(s) * lengths[s].max() for s in steps) / sum(lengths[s].sum() for s in steps)


@pytest.mark.parametrize("budget", [None, 800])
def test_grouping_saves_padding_and_still_shuffles(budget):
    lengths = rng(0).lognormal(3, 0.5, size=5000).astype(int) + 3
    plan = pretraining_plan(lengths, 32, 1, rng(1), budget)
    other = pretraining_plan(lengths, 32, 1, rng(2), budget)
    shuffled = rng(1).permutation(5000)
    assert padding(steps_of(plan), lengths) < 1.1
    assert padding(np.split(shuffled, range(32, 5000, 32)), lengths) > 1.5
    assert (plan.order != other.order).mean() > 0.9
    first = [lengths[step[0]] for step in steps_of(plan)]
    assert abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.3  # not from short to long
    if budget:  # full steps, or a budget would be wasted
        tokens = [len(s) * lengths[s].max() for s in steps_of(plan)]
        assert np.median(tokens) > 0.9 * budget


@given(n_gold=st.integers(1, 50), n_weak=st.integers(0, 200), data=st.data())
@settings(max_examples=40, deadline=None)
def test_each_step_has_its_share_of_replay(n_gold, n_weak, data):
    lengths = rng(0).integers(3, 40, size=n_gold + n_weak)
    gold, weak = np.arange(n_gold), np.arange(n_gold, n_gold + n_weak)
    n_wanted = np.array(data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=70)))
    plan = replay_plan(gold, weak, lengths, 16, n_wanted, rng(3))
    n_planned = [int((step >= n_gold).sum()) for step in steps_of(plan)]
    assert n_planned == (list(n_wanted) if n_weak else [0] * len(n_wanted))
    assert all(len(step) == 16 for step in steps_of(plan))
    for kind in (gold, weak):  # gone through again and again, none forgotten
        seen = np.bincount(plan.order[np.isin(plan.order, kind)], minlength=n_gold + n_weak)[kind]
        assert not len(kind) or seen.max() - seen.min() <= 1


def test_replayed_steps_are_of_one_length():
    lengths = rng(0).lognormal(3, 0.5, size=4000).astype(int) + 3
    plan = replay_plan(np.arange(400), np.arange(400, 4000), lengths, 32, np.full(96, 16), rng())
    assert padding(steps_of(plan), lengths) < 1.2


@given(seed=st.integers(0, 1000), n=st.integers(0, 80), most=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_token_batches_hold_every_text_once_under_the_budget(seed, n, most):
    lengths = rng(seed).integers(1, 50, size=n)
    batches = token_batches(lengths, most)
    assert sorted(np.concatenate(batches) if batches else []) == list(range(n))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= most for b in batches)
