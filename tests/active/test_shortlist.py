"""A shortlist from a large pool: one pass, and the texts that matter are on it."""

from itertools import pairwise

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsal.active.proxy import fit_proxy
from wsal.active.scores import margin
from wsal.active.shortlist import Search, chosen, merged, rare_rows, search, shortlist


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
    predicted = fit_proxy(points[:800], probs[:800]).predict(points[800:])
    scores = margin(predicted)
    assert (predicted.argmax(axis=1) == probs[800:].argmax(axis=1)).mean() > 0.95
    unsure = np.argsort(-margin(probs[800:]))[:300]
    assert len(np.intersect1d(unsure, np.argsort(-scores)[:600])) > 270


def wanted(size, rare=(), seed=0, **changes):
    points, probs = pool(seed=seed)
    given = {"proxy": fit_proxy(points[:500], probs[:500]), "rare": points[list(rare)]} | changes
    return Search(size, seed, np.arange(500), **given)


def listed(size, disputed=None, rare=(), seed=0):
    return shortlist(wanted(size, rare, seed), pool(seed=seed)[0], disputed)


@pytest.mark.parametrize("size", [1, 10, 400, 3499])
def test_as_many_rows_as_asked_each_once_and_none_that_is_taken(size):
    rows = listed(size)
    assert len(rows) == len(np.unique(rows)) == size
    assert rows.min() >= 500
    assert (rows == listed(size)).all()


@pytest.mark.parametrize("size", [3500, 9000])
def test_a_small_pool_is_listed_whole(size):
    assert listed(size).tolist() == list(range(500, 4000))


def test_least_sure_texts_are_listed_and_so_are_disputed_ones():
    points, probs = pool()
    disputed = np.zeros(4000, bool)
    sure = 500 + np.argsort(margin(probs[500:]))[:50]  # nothing but a dispute speaks for these
    disputed[sure] = True
    rows = listed(400, disputed)
    assert np.isin(sure, rows).all()
    proxied = margin(fit_proxy(points[:500], probs[:500]).predict(points[500:]))
    assert np.isin(500 + np.argsort(-proxied)[:190], rows).all()


def test_neighbours_of_rare_classes_are_listed():
    points, _ = pool()
    near = 500 + np.argsort(-(points[500:] @ points[3]))[:15]
    assert np.isin(near, listed(400, rare=[3])).mean() > 0.9


def test_a_part_of_the_list_and_what_is_drawn_beside_it_are_uniform():
    chance = np.random.default_rng(0).random(4000)  # no score has to do with it
    searches = [
        chosen(w, search(w, pool()[0]))
        for w in (wanted(500, seed=seed, n_drawn=500) for seed in range(20))
    ]
    drawn = np.concatenate([drawn for _, drawn in searches])
    assert {len(drawn) for _, drawn in searches} == {500}
    assert drawn.min() >= 500
    assert abs(chance[drawn].mean() - chance[500:].mean()) < 0.02
    assert np.bincount(drawn, minlength=4000).max() < 14
    unlisted = [np.setdiff1d(drawn, rows) for rows, drawn in searches]
    assert min(map(len, unlisted)) > 350  # drawn independently of the list


@pytest.mark.parametrize("cuts", [[], [1], [700], [500, 500, 1300, 3999]])
def test_the_list_does_not_depend_on_the_parts_that_are_searched(cuts, monkeypatch):
    points, disputed = pool()[0], np.random.default_rng(1).random(4000) < 0.1
    whole = wanted(300, rare=[3, 9], n_drawn=200)
    rows, drawn = chosen(whole, search(whole, points, disputed))
    monkeypatch.setattr("wsal.active.shortlist.AT_ONCE", 333)
    bounds = [0, *cuts, 4000]
    parts = [
        search(whole, points[first:end], disputed[first:end], first)
        for first, end in pairwise(bounds)
    ]
    again = chosen(whole, merged(whole, reversed(parts)))
    assert again[0].tolist() == rows.tolist()
    assert again[1].tolist() == drawn.tolist()


def test_the_list_is_the_one_that_a_simple_search_makes():
    points, disputed = pool()[0], np.random.default_rng(1).random(4000) < 0.1
    given = wanted(300, rare=[3, 9])
    scores = margin(given.proxy.predict(points))
    near = (points @ points[[3, 9]].T).max(axis=1)
    left = dict.fromkeys(range(500, 4000))
    for key, n in ((scores, 150), (np.where(disputed, scores, -1), 60), (near, 30)):
        for row in sorted(left, key=lambda row: -key[row])[:n]:
            del left[row]
    rows = shortlist(given, points, disputed)
    assert len(np.setdiff1d(np.setdiff1d(np.arange(500, 4000), list(left)), rows)) == 0


def test_the_threads_that_search_change_no_bit():
    points, given = pool()[0], wanted(300, rare=[3])
    whole = search(given, points)
    with threadpool_limits(limits=1):
        assert chosen(given, search(given, points))[0].tolist() == chosen(given, whole)[0].tolist()


def test_rare_classes_have_three_labels_or_fewer():
    assert rare_rows(np.array([0, 0, 0, 0, 1, 2, 2, 2])).tolist() == [4, 5, 6, 7]
    assert rare_rows(np.empty(0, np.int64)).tolist() == []
