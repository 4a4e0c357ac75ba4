"""Published strategies, each against its definition written down plainly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import blobs, candidates, labelled

from wsal.active.anchors import Anchors
from wsal.active.badge import Badge
from wsal.active.candidates import Labelled
from wsal.active.clustering import cluster
from wsal.active.neighbours import nearest
from wsal.active.scores import margin
from wsal.active.strategies import Entropy, Margin
from wsal.active.typiclust import TypiClust
from wsal.seeding import rng

some = given(seed=st.integers(0, 999), n_classes=st.integers(2, 5))
few = settings(max_examples=25, deadline=None)


def distances(a, b):
    return np.linalg.norm(a.astype(float)[:, None] - b.astype(float), axis=2)


def naive_badge(pool, size, draw):
    order = np.lexsort((draw.random(len(pool)), -margin(pool.probs)))
    probs, points = pool.probs[order].astype(float), pool.embeddings[order].astype(float)
    residuals = probs - np.eye(probs.shape[1])[probs.argmax(axis=1)]
    gradients = (residuals[:, :, None] * points[:, None, :]).reshape(len(pool), -1)
    chosen = [(gradients**2).sum(axis=1).argmax()]
    while len(chosen) < size:
        gaps = distances(gradients, gradients[chosen]).min(axis=1) ** 2
        gaps[chosen] = 0
        chosen.append(draw.choice(len(pool), p=gaps / gaps.sum()))
    return order[chosen]


@some
@few
def test_badge_draws_as_with_gradients_written_out(seed, n_classes):
    pool = candidates(60, seed, n_classes)
    chosen = Badge().select(pool, 12, rng(seed))
    assert chosen.rows.tolist() == naive_badge(pool, 12, rng(seed)).tolist()


def test_badge_keeps_the_likeliest_classes_of_a_gradient():
    pool = candidates(60, 0, 30)
    cut = np.sort(pool.probs, axis=1)[:, -5:-4]
    kept = replace(pool, probs=np.where(pool.probs >= cut, pool.probs, 0))
    chosen = Badge(top_classes=5).select(pool, 12, rng(3)).rows
    assert chosen.tolist() == naive_badge(kept, 12, rng(3)).tolist()


@pytest.mark.slow
@some
@few
def test_typiclust_asks_the_least_labelled_cluster_for_its_most_typical(seed, n_classes):
    pool = candidates(80, seed, n_classes, n_labelled=5)
    draw = rng(seed)
    drawn = draw.permutation(80)
    points = pool.embeddings[drawn]
    member, _ = cluster(np.concatenate([pool.labelled.embeddings, points]), 15, draw)
    sizes, n_asked = np.bincount(member), np.bincount(member[:5], minlength=15)
    expected, scores = [], []
    own = [np.flatnonzero(member[5:] == one) for one in range(15)]
    while len(expected) < 10:
        left = [one for one in range(15) if set(own[one]) - set(expected)]
        best = min(left, key=lambda one: (sizes[one] < 5, n_asked[one], -sizes[one], one))
        gaps = np.sort(distances(points[own[best]], points[own[best]]))[:, 1:21]
        typical = 1 / gaps.mean(axis=1) if len(own[best]) > 1 else np.array([0.0])
        place = next(i for i in (-typical).argsort() if own[best][i] not in expected)
        expected.append(own[best][place])
        scores.append(typical[place])
        n_asked[best] += 1
    chosen = TypiClust().select(pool, 10, rng(seed))
    assert chosen.rows.tolist() == drawn[expected].tolist()
    np.testing.assert_allclose(chosen.scores, scores, rtol=1e-5)


def test_typiclust_passes_over_clusters_that_have_labels_and_reads_no_prediction():
    pool, classes = blobs([40, 30, 20, 10], [0.5] * 4)
    people = Labelled(pool.embeddings[[0, 1, 45]], pool.probs[[0, 1, 45]], classes[[0, 1, 45]])
    for seed in range(5):
        known = replace(pool, labelled=people)
        chosen = TypiClust(max_clusters=4).select(known, 2, rng(seed))
        blind = replace(known, probs=np.roll(pool.probs, 1, axis=1))
        assert classes[chosen.rows].tolist() == [2, 3]  # the largest first
        again = TypiClust(max_clusters=4).select(blind, 2, rng(seed))
        assert chosen.rows.tolist() == again.rows.tolist()


def near_anchors(pool, anchors, k, most):
    """Rows near an anchor, by mean similarity to the anchors whose neighbours they are."""
    similarity = pool.embeddings.astype(float) @ anchors.astype(float).T
    near = {}
    for column in similarity.T:
        for row in np.argsort(-column)[:k]:
            near.setdefault(row, []).append(column[row])
    return sorted(near, key=lambda row: -np.mean(near[row]))[:most]


@some
@few
def test_anchors_choose_near_labelled_texts_of_rare_classes(seed, n_classes):
    people = labelled(16, seed, 2)
    people = replace(people, classes=np.array([0] * 9 + [1] * 7))
    pool = replace(candidates(90, seed, 2), labelled=people)
    listed = near_anchors(pool, people.embeddings[9:], 8, 20)
    unsure = sorted(listed, key=lambda row: -margin(pool.probs)[row])
    chosen = Anchors(Margin(), n_neighbours=8, max_texts=20).select(pool, 6, rng(0))
    assert chosen.rows.tolist() == unsure[:6]
    everyone = near_anchors(pool, people.embeddings, 8, 20)
    every = Anchors(Margin(), n_neighbours=8, max_texts=20, only_rare=False).select(pool, 6, rng(0))
    assert set(every.rows) <= set(everyone)


def test_anchors_find_a_rare_class_that_the_classifier_is_sure_is_none():
    pool, classes = blobs([300, 300, 12], [0.9, 0.9, 0.3])
    known = [600, 601, 0, 1, 2, 300, 301, 302]
    people = Labelled(pool.embeddings[known], pool.probs[known], classes[known])
    rest = np.setdiff1d(np.arange(len(pool)), known)
    left, truth = replace(pool.take(rest), labelled=people), classes[rest]
    chosen = Anchors(Entropy(), n_neighbours=10).select(left, 10, rng(0))
    assert (truth[chosen.rows] == 2).sum() >= 9
    assert (truth[Entropy().select(left, 10, rng(0)).rows] == 2).sum() == 0


@pytest.mark.parametrize("strategy", [Anchors(Margin())])
def test_without_labels_margin_is_used_and_reasons_say_so(strategy):
    pool = candidates(30)
    chosen = strategy.select(pool, 5, rng(0))
    assert chosen.rows.tolist() == Margin().select(pool, 5, rng(0)).rows.tolist()
    assert all("nothing is labelled yet" in reason for reason in chosen.reasons)


def test_anchors_without_enough_neighbours_go_on_among_the_rest():
    pool = candidates(30, n_labelled=1)
    chosen = Anchors(Margin(), n_neighbours=3).select(pool, 10, rng(0))
    assert len(set(chosen.rows)) == 10
    assert [reason.count("too few are near") for reason in chosen.reasons] == [0] * 3 + [1] * 7


@given(n=st.integers(1, 20), m=st.integers(1, 20), k=st.integers(1, 8), seed=st.integers(0, 99))
@few
def test_distances_are_those_of_a_loop(n, m, k, seed):
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(n, 3)), draw.normal(size=(m, 3))
    neighbours, gaps = nearest(a, b, k)
    assert (neighbours == distances(a, b).argsort(axis=1)[:, :k]).all()
    np.testing.assert_allclose(gaps, np.sort(distances(a, b))[:, :k], atol=1e-7)
