"""Query strategies: what all of them promise, and the simple ones against a slow version."""

import inspect
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pools import CONF, OPTIONS, blobs, candidates, labelled, strategy

from wsal.active.badge import Badge
from wsal.active.candidates import Candidates, Labelled
from wsal.active.scores import entropy, margin
from wsal.active.strategies import (
    Dbal,
    Entropy,
    EntropyClusters,
    LeastConfidence,
    Margin,
    QueryStrategy,
)
from wsal.active.typiclust import TypiClust
from wsal.errors import DataError
from wsal.seeding import rng

DRAWN = {
    "random",
    "mix",
    "typiclust",
    "cold_start",
}  # the order of the pool matters


def frozen(pool):
    """The same candidates; whoever writes into them raises."""
    for part in (pool, *([pool.labelled] if pool.labelled else [])):
        for field in fields(part):
            if isinstance(values := getattr(part, field.name), np.ndarray):
                values.flags.writeable = False
    return pool


@pytest.mark.parametrize("option", OPTIONS)
@given(
    n=st.integers(1, 60),
    size=st.integers(1, 12),
    seed=st.integers(0, 99),
    n_classes=st.integers(2, 5),
    n_labelled=st.sampled_from([0, 1, 30]),
)
@settings(max_examples=15, deadline=None)
def test_what_every_strategy_promises(option, n, size, seed, n_classes, n_labelled):
    pool = frozen(candidates(n, seed, n_classes, n_labelled))
    chosen = strategy(option).select(pool, size, rng(0, option))
    again = strategy(option).select(pool, size, rng(0, option))
    assert isinstance(strategy(option), QueryStrategy)
    assert len(set(chosen.rows)) == len(chosen.rows) == min(size, n)  # as many as asked, once each
    assert (chosen.rows == again.rows).all()  # the same seed makes the same query
    assert chosen.scores.dtype == np.float32
    assert np.isfinite(chosen.scores).all()
    assert len(chosen.scores) == len(chosen.reasons) == len(chosen.rows)
    assert all(isinstance(reason, str) and reason for reason in chosen.reasons)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("row", [[1.0, 0, 0], [0.0, 0, 0]])
@pytest.mark.parametrize("known", [False, True])
def test_equal_or_zero_embeddings_and_sure_predictions_break_nothing(option, row, known):
    probs = np.eye(4, dtype=np.float32)[[0] * 20]
    points = np.array([row] * 20, np.float32)
    people = Labelled(points[:3], probs[:3], np.array([0, 0, 1])) if known else None
    same = Candidates(probs, points, people)
    assert len(set(strategy(option).select(same, 7, rng(0)).rows)) == 7


@pytest.mark.parametrize("option", sorted(set(OPTIONS) - DRAWN))
@pytest.mark.parametrize("n_labelled", [0, 25])
def test_the_order_of_the_pool_does_not_matter(option, n_labelled):
    pool = candidates(150, 5, n_labelled=n_labelled)
    order = np.random.default_rng(0).permutation(150)
    chosen = strategy(option).select(pool, 9, rng(1))
    permuted = strategy(option).select(pool.take(order), 9, rng(1))
    assert set(order[permuted.rows]) == set(chosen.rows)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("n_labelled", [0, 6])
def test_a_pool_of_copies_is_asked_to_its_end(option, n_labelled):
    pool = candidates(9, n_labelled=n_labelled).take(np.repeat(np.arange(9), 5))
    pool = replace(pool, groups=np.arange(45))
    assert sorted(strategy(option).select(pool, 45, rng(0)).rows) == list(range(45))


@pytest.mark.parametrize("option", OPTIONS)
def test_equal_texts_are_told_apart_by_chance(option):
    pool = candidates(1, n_labelled=5).take(np.zeros(12, np.int64))
    pool = replace(pool, groups=np.arange(12))
    chosen = {int(strategy(option).select(pool, 1, rng(seed)).rows[0]) for seed in range(40)}
    assert len(chosen) > 3


@pytest.mark.parametrize("option", OPTIONS)
def test_memory_grows_with_the_pool_and_not_with_its_square(option):
    import tracemalloc

    n = 25_000
    pool = candidates(n, n_labelled=50)
    tracemalloc.start()
    chosen = strategy(option).select(pool, 8, rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(chosen.rows) == 8
    assert peak < n * n * 8 / 15  # bytes; all distances in float64 are 15 times as many


def spelt_out(node):
    """Every `_target_` node inside a node."""
    for value in node.values() if isinstance(node, dict) else ():
        yield from spelt_out(value)
    if isinstance(node, dict) and "_target_" in node:
        yield node


@pytest.mark.parametrize("option", OPTIONS)
def test_nested_components_spell_out_every_setting(option):
    from importlib import import_module

    for node in spelt_out(OmegaConf.to_container(OmegaConf.load(CONF / f"{option}.yaml"))):
        module, _, name = node["_target_"].rpartition(".")
        parameters = inspect.signature(getattr(import_module(module), name)).parameters
        assert set(node) - {"_target_"} == set(parameters)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("field", ["probs", "embeddings", "extra"])
def test_what_is_not_finite_is_refused_and_the_first_row_named(field, bad):
    pool = candidates(30)
    values = getattr(pool, field).copy()
    values[[17, 21]] = bad
    with pytest.raises(DataError, match=rf"{field} of row 17 hold NaN.* 1 other rows of 30"):
        replace(pool, **{field: values})
    people = labelled(9)
    with pytest.raises(DataError, match="labelled texts: probs of row 0"):
        replace(people, probs=people.probs * bad)


def test_some_of_the_candidates_keep_all_that_is_theirs():
    pool, rows = candidates(30, n_labelled=4), np.array([7, 3, 20])
    some = pool.take(rows)
    for field in ("probs", "embeddings", "extra", "groups", "uncertainty"):
        assert (getattr(some, field) == getattr(pool, field)[rows]).all()
    assert (some.labelled, len(some), len(some.extra_reasons)) == (pool.labelled, 3, 3)


def test_simple_scores_rank_as_a_loop_would():
    pool = candidates(50)
    by_entropy = sorted(range(50), key=lambda i: sum(p * np.log(p) for p in pool.probs[i] if p > 0))
    assert Entropy().select(pool, 10, rng(0)).rows.tolist() == by_entropy[:10]
    gaps = [float(np.diff(sorted(row)[-2:])[0]) for row in pool.probs]
    assert Margin().select(pool, 10, rng(0)).rows.tolist() == np.argsort(gaps)[:10].tolist()
    confidence = np.argsort([max(row) for row in pool.probs])
    assert LeastConfidence().select(pool, 10, rng(0)).rows.tolist() == confidence[:10].tolist()


def test_scores_are_highest_for_the_least_sure():
    assert entropy(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)).argmax() == 0
    assert margin(np.array([[0.4, 0.35, 0.25], [0.45, 0.45, 0.1]], np.float32)).argmax() == 1


@pytest.mark.parametrize("clustering", [Dbal(shortlist=30), EntropyClusters(shortlist=30)])
def test_asks_one_of_each_group(clustering):
    pool, classes = blobs([30] * 6, [0.8] * 6)
    assert len(set(classes[clustering.select(pool, 6, rng(3)).rows])) == 6


def test_dbal_asks_for_the_typical_text_of_a_group_and_entropy_clusters_for_the_worst():
    pool, _ = blobs([30] * 6, [0.8] * 6)
    for row in Dbal(shortlist=30).select(pool, 6, rng(3)).rows:
        group = pool.embeddings[row // 30 * 30 : row // 30 * 30 + 30]
        distance = ((group - group.mean(axis=0)) ** 2).sum(axis=1)
        assert distance[row % 30] <= np.quantile(distance, 0.3)
    for row in EntropyClusters(shortlist=30).select(pool, 6, rng(3)).rows:
        group = entropy(pool.probs)[row // 30 * 30 : row // 30 * 30 + 30]
        assert group[row % 30] == group.max()


def test_dbal_asks_where_rules_disagree_and_says_so():
    pool, classes = blobs([40, 40], [0.9, 0.1])
    extra = np.where(classes == 1, 2, 0).astype(np.float32)
    why = ["rules disagree" if one else "" for one in classes]
    plain = Dbal(shortlist=1).select(pool, 5, rng(0))
    urged = Dbal(shortlist=1).select(replace(pool, extra=extra, extra_reasons=why), 5, rng(0))
    assert set(classes[plain.rows]) == {0}
    assert set(classes[urged.rows]) == {1}
    assert all(reason.endswith("; rules disagree") for reason in urged.reasons)
    assert not any("rules" in reason for reason in plain.reasons)


@pytest.mark.parametrize("better", [Dbal(), Badge(), TypiClust()])
def test_more_classes_are_found_than_by_entropy(better):
    """One large group is unsure, a rare class is not: entropy asks of the large one only."""
    sizes, unsure = [40, 20, 20, 20, 20, 20, 20, 8], [0.9, 0.7, 0.6, 0.7, 0.6, 0.7, 0.6, 0.7]
    n_classes, by_entropy = [], []
    for seed in range(5):
        pool, classes = blobs(sizes, unsure, seed)
        n_classes.append(len(set(classes[better.select(pool, 16, rng(seed)).rows])))
        by_entropy.append(len(set(classes[Entropy().select(pool, 16, rng(seed)).rows])))
    assert max(by_entropy) == 1
    assert np.mean(n_classes) >= 6
