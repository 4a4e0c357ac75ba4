"""Orders of training: everything is seen, little is padded, replay has its share."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.classifier.batching import inference_batches, pretraining_order, replay_order


@given(n=st.integers(0, 300), size=st.integers(1, 40), epochs=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_each_epoch_sees_each_text_once(n, size, epochs):
    lengths = np.random.default_rng(n).integers(3, 60, size=n)
    order = pretraining_order(lengths, size, epochs, np.random.default_rng(1))
    assert len(order) == n * epochs
    for epoch in range(epochs):
        assert sorted(order[epoch * n : (epoch + 1) * n]) == list(range(n))


def padded(order, lengths, size):
    batches = [lengths[order[i : i + size]] for i in range(0, len(order), size)]
    return sum(len(b) * b.max() for b in batches) / lengths[order].sum()


def test_grouping_saves_padding_and_still_shuffles():
    lengths = np.random.default_rng(0).lognormal(3, 0.5, size=5000).astype(int) + 3
    order = pretraining_order(lengths, 32, 1, np.random.default_rng(1))
    other = pretraining_order(lengths, 32, 1, np.random.default_rng(2))
    shuffled = np.random.default_rng(1).permutation(5000)
    assert padded(order, lengths, 32) < 1.1
    assert padded(shuffled, lengths, 32) > 1.5
    assert (order != other).mean() > 0.9
    first = [lengths[order[i]] for i in range(0, 5000, 32)]
    assert abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.3  # not from short to long


@given(n_gold=st.integers(1, 50), n_weak=st.integers(0, 200), share=st.sampled_from([0, 0.25, 0.5]))
@settings(max_examples=30, deadline=None)
def test_each_batch_has_its_share_of_replay(n_gold, n_weak, share):
    lengths = np.random.default_rng(0).integers(3, 40, size=n_gold + n_weak)
    gold, weak = np.arange(n_gold), np.arange(n_gold, n_gold + n_weak)
    order = replay_order(gold, weak, lengths, 16, 40, share, np.random.default_rng(3))
    batches = order.reshape(40, 16)
    assert ((batches >= n_gold).sum(axis=1) == (round(16 * share) if n_weak else 0)).all()
    seen = np.bincount(batches[batches < n_gold], minlength=n_gold)
    assert seen.max() - seen.min() <= 1  # gone through again and again, none forgotten


@given(seed=st.integers(0, 1000), n=st.integers(0, 80), most=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_inference_batches_hold_every_text_once_under_the_budget(seed, n, most):
    lengths = np.random.default_rng(seed).integers(1, 50, size=n)
    batches = inference_batches(lengths, most)
    assert sorted(np.concatenate(batches) if batches else []) == list(range(n))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= most for b in batches)
