"""Query strategies, each against a slow obvious version, and what all of them promise."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from wsal.active.scores import entropy, margin
from wsal.active.strategies import Candidates, Dbal, Entropy, EntropyClusters, Margin, QueryStrategy
from wsal.building import build
from wsal.seeding import rng

CONF = Path(__file__).parents[2] / "conf" / "strategy"
OPTIONS = sorted(path.stem for path in CONF.glob("*.yaml"))


def strategy(option):
    return build(OmegaConf.to_container(OmegaConf.load(CONF / f"{option}.yaml")), "strategy")


def candidates(n, seed=0, n_classes=4):
    draw = np.random.default_rng(seed)
    points = draw.normal(size=(n, 6)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Candidates(draw.dirichlet([0.5] * n_classes, size=n).astype(np.float32), points)


@pytest.mark.parametrize("option", OPTIONS)
@given(n=st.integers(1, 60), size=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_what_every_strategy_promises(option, n, size, seed):
    pool = candidates(n, seed)
    chosen = strategy(option).select(pool, size, rng(0, option))
    again = strategy(option).select(pool, size, rng(0, option))
    assert isinstance(strategy(option), QueryStrategy)
    assert len(set(chosen.rows)) == len(chosen.rows) == min(size, n)  # as many as asked, once each
    assert (chosen.rows == again.rows).all()  # the same seed makes the same query
    assert len(chosen.scores) == len(chosen.reasons) == len(chosen.rows)
    assert all(chosen.reasons)


@pytest.mark.parametrize("option", OPTIONS)
def test_equal_embeddings_and_sure_predictions_break_nothing(option):
    same = Candidates(np.eye(3, dtype=np.float32)[[0] * 20], np.ones((20, 4), np.float32) / 2)
    assert len(set(strategy(option).select(same, 7, rng(0)).rows)) == 7


def test_entropy_and_margin_rank_as_a_loop_would():
    pool = candidates(50)
    by_entropy = sorted(range(50), key=lambda i: sum(p * np.log(p) for p in pool.probs[i] if p > 0))
    assert Entropy().select(pool, 10, rng(0)).rows.tolist() == by_entropy[:10]
    gaps = [float(np.diff(sorted(row)[-2:])[0]) for row in pool.probs]
    assert Margin().select(pool, 10, rng(0)).rows.tolist() == np.argsort(gaps)[:10].tolist()


def test_scores_are_highest_for_the_least_sure():
    assert entropy(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)).argmax() == 0
    assert margin(np.array([[0.4, 0.35, 0.25], [0.45, 0.45, 0.1]], np.float32)).argmax() == 1


def blobs(n_blobs=6, per_blob=30):
    """Well separated groups; everything equally unsure."""
    draw = np.random.default_rng(1)
    centres = np.eye(n_blobs, 8, dtype=np.float32)
    points = np.repeat(centres, per_blob, axis=0) + draw.normal(size=(n_blobs * per_blob, 8)) * 0.02
    probs = draw.dirichlet([40, 40, 1], size=len(points)).astype(np.float32)
    return Candidates(probs, points.astype(np.float32))


@pytest.mark.parametrize("clustering", [Dbal(shortlist=30), EntropyClusters(shortlist=30)])
def test_asks_one_of_each_group(clustering):
    chosen = clustering.select(blobs(), 6, rng(3))
    assert len(set(chosen.rows // 30)) == 6


def test_dbal_asks_for_the_typical_text_of_a_group_and_entropy_clusters_for_the_worst():
    pool = blobs()
    for row in Dbal(shortlist=30).select(pool, 6, rng(3)).rows:
        group = pool.embeddings[row // 30 * 30 : row // 30 * 30 + 30]
        distance = ((group - group.mean(axis=0)) ** 2).sum(axis=1)
        assert distance[row % 30] <= np.quantile(distance, 0.3)
    for row in EntropyClusters(shortlist=30).select(pool, 6, rng(3)).rows:
        group = entropy(pool.probs)[row // 30 * 30 : row // 30 * 30 + 30]
        assert group[row % 30] == group.max()
