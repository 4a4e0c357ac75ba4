"""Strategies made of others: shares, caps, groups."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import blobs, candidates, strategy

from wsal.active.bald import Bald
from wsal.active.strategies import Dbal, Entropy, Margin, Random
from wsal.active.wrappers import ClassCap, Mix, OnePerGroup, apportion, dropout_passes
from wsal.errors import ConfigError
from wsal.seeding import rng


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=5), size=st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_sizes_sum_up_and_are_within_one_of_their_share(shares, size):
    if sum(shares) < 1e-3:
        return
    sizes = apportion(shares, size)
    exact = np.array(shares) / sum(shares) * size
    assert sum(sizes) == size
    assert (np.abs(np.array(sizes) - exact) < 1 + 1e-6).all()
    assert min(sizes) >= 0


def test_a_mix_asks_each_part_for_its_share():
    chosen = strategy("mix").select(candidates(400, n_labelled=40), 40, rng(0))
    kinds = [sum(word in reason for reason in chosen.reasons) for word in
             ("typical of", "of rare classes", "at random")]  # fmt: skip
    assert kinds == [28, 4, 8]


def test_parts_of_a_mix_never_ask_for_the_same_text():
    pool = candidates(30)
    mix = Mix({"one": Margin(), "two": Margin()}, {"one": 1, "two": 1})
    alone = Margin().select(pool, 10, rng(0))
    assert mix.select(pool, 10, rng(0)).rows.tolist() == alone.rows.tolist()


@pytest.mark.parametrize("shares", [{"one": 1.0}, {"one": 1.0, "tow": 1.0}, {"one": 0, "two": 0}])
def test_a_mix_wants_one_share_a_part(shares):
    with pytest.raises(ConfigError, match="expected one share a part"):
        Mix({"one": Margin(), "two": Random()}, shares)


@given(size=st.integers(1, 40), most=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_class_has_at_most_its_share(size, most, seed):
    pool = candidates(40, seed, n_classes=3)
    chosen = ClassCap(Margin(), most).select(pool, size, rng(0))
    predicted = pool.probs.argmax(axis=1)
    cap = max(1, int(most * size + 1e-9))
    under = [row for row, why in zip(chosen.rows, chosen.reasons, strict=True) if "cap" not in why]
    assert len(set(chosen.rows)) == size
    assert np.bincount(predicted[under]).max() <= cap
    # what a loop by margin takes under the cap, and only then the rest
    loop, counts = [], [0, 0, 0]
    for row in Margin().select(pool, 40, rng(0)).rows:
        if counts[predicted[row]] < cap and len(loop) < size:
            loop.append(row)
            counts[predicted[row]] += 1
    assert set(under) == set(loop)


def test_a_cap_makes_room_for_other_classes():
    pool, classes = blobs([50, 20, 20], [0.9, 0.3, 0.3])
    assert set(classes[Entropy().select(pool, 10, rng(0)).rows]) == {0}
    chosen = classes[ClassCap(Entropy(), 0.4).select(pool, 10, rng(0)).rows]
    assert np.bincount(chosen).max() == 4


def test_one_text_of_each_group_is_asked_the_least_sure():
    pool = replace(candidates(60), groups=np.random.default_rng(0).integers(15, size=60))
    n_groups = len(set(pool.groups))
    chosen = OnePerGroup(Dbal()).select(pool, 30, rng(0))
    assert len(chosen.rows) == len(set(pool.groups[chosen.rows])) == n_groups
    for row, reason in zip(chosen.rows, chosen.reasons, strict=True):
        alike = np.flatnonzero(pool.groups == pool.groups[row])
        assert pool.doubt[row] == pool.doubt[alike].max()
        assert (f"stands for {len(alike)} near" in reason) == (len(alike) > 1)


def test_one_per_group_holds_for_a_mix_under_a_cap():
    pool = replace(candidates(90, n_labelled=20), groups=np.arange(90) // 3)
    whole = OnePerGroup(ClassCap(strategy("mix")))
    chosen = whole.select(pool, 20, rng(0))
    assert len(chosen.rows) == len(set(pool.groups[chosen.rows])) == 20


def test_without_groups_nothing_is_left_out():
    pool = replace(candidates(30), groups=None)
    wrapped = OnePerGroup(Margin()).select(pool, 10, rng(0))
    assert wrapped.rows.tolist() == Margin().select(pool, 10, rng(0)).rows.tolist()


def test_dropout_is_asked_for_by_whatever_lies_inside():
    inside = Mix({"a": Random(), "b": ClassCap(Bald(passes=4))}, {"a": 1, "b": 1})
    assert dropout_passes(OnePerGroup(inside)) == 4
    assert dropout_passes(OnePerGroup(Dbal())) == 0
