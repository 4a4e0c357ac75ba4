"""The oracle errs, abstains and takes time as it is told to; labels that look wrong are found."""

import numpy as np
import polars as pl
import pytest

from wsal import schemas
from wsal.active.label_issues import find_issues, out_of_fold
from wsal.annotation.annotators import LOOK_ALIKES, Oracle
from wsal.annotation.inner_answers import some_inner
from wsal.annotation.majority import majority_labels
from wsal.annotation.query import Query
from wsal.errors import AnnotationError
from wsal.labels import LabelSet
from wsal.seeding import rng

LABELS = LabelSet(tuple(f"class {i}" for i in range(12)))


def answers(oracle, n=4000, seed=0, only=None):
    """The true class of each text, and what the oracle says."""
    gold = np.full(n, only) if only is not None else rng(0, "gold").integers(0, 12, n)
    ids = pl.Series([str(i) for i in range(n)])
    query = Query(pl.DataFrame({"id": ids}), LABELS, dict(zip(ids, gold, strict=True)), None)
    return gold, oracle.annotate(query, rng(seed, "annotate"))


def answered_classes(table):
    return np.array([-1 if name is None else LABELS.index(name) for name in table["label"]])


def test_an_oracle_whose_texts_have_no_gold_says_how_many_have_it():
    query = Query(pl.DataFrame({"id": ["a", "b"]}), LABELS, {}, None, n_pool=370, n_pool_gold=28)
    with pytest.raises(AnnotationError) as error:
        Oracle().annotate(query, rng(0, "annotate"))
    message = str(error.value)
    assert "28 of the 370 texts of the pool have one, but none of the 2 texts asked;" in message
    assert "name the column" not in message


def test_without_settings_every_answer_is_right_and_takes_five_seconds():
    gold, table = answers(Oracle())
    assert (answered_classes(table) == gold).all()
    assert set(table["seconds"]) == {5.0}
    assert dict(table.schema) == {k: v() for k, v in schemas.ANSWERS.items()}


def test_so_many_are_wrong_and_so_many_are_skipped():
    gold, table = answers(Oracle(noise=0.2, abstains=0.1))
    skipped = answered_classes(table) < 0
    assert skipped.mean() == pytest.approx(0.1, abs=0.015)
    assert (answered_classes(table) != gold)[~skipped].mean() == pytest.approx(0.2, abs=0.02)


def test_wrong_answers_fall_on_look_alikes_that_stay_the_same():
    oracle, wrong_classes = Oracle(noise=1.0, look_alikes=1.0), []
    for seed in (0, 1):
        _, table = answers(oracle, 500, seed, only=3)
        wrong_classes.append(set(answered_classes(table)))
    assert len(wrong_classes[0]) == LOOK_ALIKES
    assert wrong_classes[0] == wrong_classes[1]
    assert 3 not in wrong_classes[0]


def test_times_vary_around_their_median():
    _, table = answers(Oracle(seconds=4.0, spread=0.5))
    times = np.log(table["seconds"].to_numpy())
    assert np.exp(np.median(times)) == pytest.approx(4.0, rel=0.05)
    assert times.std() == pytest.approx(0.5, rel=0.05)


def blobs(n=400, wrong=0.1, seed=0):
    """Points around a centre a class, a share of them with another class's label."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 8, n)
    points = np.eye(8, 24)[truth] + draw.normal(size=(n, 24)) * 0.12
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    flipped = draw.random(n) < wrong
    gold = np.where(flipped, (truth + draw.integers(1, 8, n)) % 8, truth)
    return points.astype(np.float32), gold, truth, flipped


def test_wrong_labels_are_found_and_the_right_ones_named():
    points, gold, truth, flipped = blobs()
    rows, better, quality = find_issues(points, gold, rng(0))
    assert flipped[rows].mean() > 0.85  # few of those named are right
    assert np.isin(np.flatnonzero(flipped), rows).mean() > 0.85  # few of the wrong are missed
    assert (better == truth[rows])[flipped[rows]].mean() > 0.95
    assert (np.diff(quality) >= 0).all()


def test_clean_labels_are_left_alone_and_few_labels_are_not_judged():
    points, gold, _, _ = blobs(wrong=0.0)
    assert len(find_issues(points, gold, rng(0))[0]) <= 4
    assert len(find_issues(points[:5], gold[:5], rng(0))[0]) == 0
    assert len(find_issues(points, np.zeros_like(gold), rng(0))[0]) == 0


def test_no_text_is_judged_by_a_proxy_that_saw_its_label():
    points, gold, _, _ = blobs(60)
    before = out_of_fold(points, gold, rng(0))
    changed = gold.copy()
    changed[7] = (gold[7] + 1) % 8
    assert (out_of_fold(points, changed, rng(0))[7] == before[7]).all()


def test_the_most_frequent_answer_counts_and_the_newest_of_those_that_tie():
    given = pl.DataFrame(
        [("a", "x"), ("b", "x"), ("c", "x"), ("a", "y"), ("b", "y"), ("a", "y"), ("c", None)],
        schema=["id", "label"], orient="row",
    )  # fmt: skip
    labels = majority_labels(given, "id")
    assert labels["id"].to_list() == ["a", "b", "c"]
    assert labels["label"].to_list() == ["y", "y", "x"]


def test_a_share_of_the_answers_names_a_parent_and_changes_no_other():
    labels = LabelSet(("Tea", "Pets"), {"Drinks": ("Tea",)})
    answers = ["Tea"] * 500 + ["Pets", None]
    plain, mixed = np.random.default_rng(0), np.random.default_rng(0)
    changed = some_inner(answers, 0.5, labels, mixed)
    assert 200 < changed.count("Drinks") < 300
    assert changed[500:] == ["Pets", None]
    assert some_inner(answers, 0.0, labels, plain) == answers
    assert plain.random() == mixed.random()  # the stream of the annotator is not used
