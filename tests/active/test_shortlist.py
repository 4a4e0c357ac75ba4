"""A shortlist from a large pool: one pass, and the texts that matter are on it."""

import numpy as np
import pytest

from wsal.active.proxy import fit_proxy, scan
from wsal.active.scores import margin
from wsal.active.shortlist import nearness, rare_rows, shortlist
from wsal.seeding import rng


def pool(n=4000, n_classes=5, dims=16, seed=0):
    """Embeddings, and what a linear classifier says of them."""
    draw = np.random.default_rng(seed)
    points = draw.normal(size=(n, dims)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    logits = points @ draw.normal(size=(dims, n_classes)) * 4
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return points, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def test_a_proxy_taught_on_a_part_ranks_the_rest_as_the_classifier_does():
    points, probs = pool()
    scores, classes = scan(fit_proxy(points[:800], probs[:800]), points, np.arange(800, 4000))
    assert (classes == probs[800:].argmax(axis=1)).mean() > 0.95
    unsure = np.argsort(-margin(probs[800:]))[:300]
    assert len(np.intersect1d(unsure, np.argsort(-scores)[:600])) > 270


def test_scan_in_parts_is_scan_at_once(monkeypatch):
    points, probs = pool(500)
    proxy, rows = fit_proxy(points, probs), np.arange(0, 500, 3)
    whole = scan(proxy, points, rows)
    monkeypatch.setattr("wsal.active.proxy.AT_ONCE", 7)
    np.testing.assert_allclose(scan(proxy, points, rows)[0], whole[0], rtol=1e-5)


def listed(size, doubts=None, rare=(), seed=0):
    points, probs = pool(seed=seed)
    left = np.arange(500, 4000)
    doubts = np.zeros(len(left), np.float32) if doubts is None else doubts
    return shortlist(
        points,
        left,
        doubts,
        points[list(rare)],
        fit_proxy(points[:500], probs[:500]),
        size,
        rng(seed),
    )


@pytest.mark.parametrize("size", [1, 10, 400, 3499])
def test_as_many_rows_as_asked_each_once_and_none_that_is_not_left(size):
    rows = listed(size)
    assert len(rows) == len(np.unique(rows)) == size
    assert rows.min() >= 500
    assert (rows == listed(size)).all()


def test_a_small_pool_is_listed_whole():
    assert listed(3500).tolist() == list(range(500, 4000))


def test_least_sure_texts_are_listed_and_so_are_disputed_ones():
    points, probs = pool()
    doubts = np.zeros(3500, np.float32)
    sure = 500 + np.argsort(margin(probs[500:]))[:50]  # nothing but doubt speaks for these
    doubts[sure - 500] = 0.5
    rows = listed(400, doubts)
    assert np.isin(sure, rows).all()
    proxied, _ = scan(fit_proxy(points[:500], probs[:500]), points, np.arange(500, 4000))
    assert np.isin(500 + np.argsort(-proxied)[:190], rows).all()


def test_neighbours_of_rare_classes_are_listed():
    points, _ = pool()
    near = 500 + np.argsort(-(points[500:] @ points[3]))[:15]
    assert np.isin(near, listed(400, rare=[3])).mean() > 0.9


def test_nearness_is_the_largest_cosine():
    points, _ = pool(50)
    slow = [max(float(points[row] @ other) for other in points[:4]) for row in range(10, 30)]
    np.testing.assert_allclose(nearness(points, np.arange(10, 30), points[:4]), slow, rtol=1e-5)


def test_rare_classes_have_three_labels_or_fewer():
    assert rare_rows(np.array([0, 0, 0, 0, 1, 2, 2, 2])).tolist() == [4, 5, 6, 7]
    assert rare_rows(np.empty(0, np.int64)).tolist() == []
