"""Two runs on the texts that they share, against direct computation."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from helpers import by_default
from sklearn.metrics import f1_score

from wsal.evaluation.sample import Sample, whole_sample
from wsal.inspection.class_differences import LEAST_TELLING, class_differences
from wsal.inspection.paired import LEAST, Measured, Pair, pair
from wsal.inspection.varied import varied
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import Reference

NAMES = ("x", "y", "z")


def predictions(gold, error, rng, n=3):
    wrong = rng.random(len(gold)) < error
    predicted = np.where(wrong, rng.integers(0, n, len(gold)), gold)
    return np.eye(n, dtype=np.float32)[predicted] * 0.8 + 0.2 / n


def on_dev(gold, probs, texts=None, names=NAMES):
    texts = pl.Series("text", texts or [f"text {i}" for i in range(len(gold))])
    reference = Reference("dev", whole_sample(gold, np.ones(len(gold))))
    return Measured(LabelSet(names), 0, reference, texts, probs)


@pytest.fixture
def two():
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 300)
    return on_dev(gold, predictions(gold, 0.3, rng)), on_dev(gold, predictions(gold, 0.1, rng))


def accuracy(run):
    return (run.probs.argmax(axis=1) == run.reference.sample.gold).mean()


def test_runs_on_the_same_texts_are_paired(two):
    first, second = two
    both = pair(first, second)
    estimate = both.difference("accuracy")
    assert both.n_texts == 300
    assert estimate.value == pytest.approx(accuracy(second) - accuracy(first))
    assert 0 < estimate.low < estimate.value < estimate.high


def test_texts_and_classes_may_be_in_another_order(two):
    first, second = two
    order, classes = np.random.default_rng(1).permutation(300), [2, 0, 1]
    position = np.argsort(classes)
    moved = on_dev(
        position[second.reference.sample.gold[order]],
        second.probs[order][:, classes],
        [f"text {i}" for i in order],
        tuple(NAMES[c] for c in classes),
    )
    both, same = pair(first, moved), pair(first, second)
    assert both.labels.names == NAMES
    for metric in ("accuracy", "macro_f1"):
        assert both.difference(metric).value == pytest.approx(same.difference(metric).value)


def test_a_class_that_only_one_run_knows_is_never_predicted_by_the_other(two):
    first, second = two
    more = on_dev(
        second.reference.sample.gold, np.pad(second.probs, ((0, 0), (0, 1))), names=(*NAMES, "new")
    )
    both = pair(first, more)
    assert both.labels.names == (*NAMES, "new")
    assert (both.first[:, 3] == 0).all()


def test_other_texts_are_not_paired(two):
    first, second = two
    apart = replace(second, texts=pl.Series("text", [f"other {i}" for i in range(300)]))
    assert pair(first, apart) is None
    few = [f"text {i}" if i < LEAST - 1 else f"other {i}" for i in range(300)]
    assert pair(first, replace(second, texts=pl.Series("text", few))) is None


def test_texts_whose_gold_differs_between_runs_are_left_out(two):
    first, second = two
    gold = second.reference.sample.gold.copy()
    gold[:10] = (gold[:10] + 1) % 3
    both = pair(first, on_dev(gold, second.probs))
    assert both.n_contradicting == 10
    assert both.n_texts == 290


def test_the_larger_of_two_evaluation_samples_of_a_frame_measures_both():
    rng = np.random.default_rng(2)
    gold, stratum = rng.integers(0, 3, 400), rng.integers(0, 4, 400)
    runs = []
    for n, error in ((60, 0.1), (120, 0.4)):
        rows = rng.choice(400, n, replace=False)
        sample = Sample(rows, gold[rows], stratum, np.ones(400))
        texts = pl.Series("text", [f"text {i}" for i in range(400)])
        probs = predictions(gold, error, rng)
        runs.append(Measured(LabelSet(NAMES), 0, Reference("frame", sample), texts, probs))
    both, back = pair(*runs), pair(*reversed(runs))
    assert both.n_texts == back.n_texts == 120
    assert both.difference("accuracy").high < 0 < back.difference("accuracy").low
    assert pair(runs[0], on_dev(gold, predictions(gold, 0.1, rng))) is None


def test_differences_by_class_are_those_of_scikit_learn(two):
    first, second = two
    found = class_differences(pair(first, second), 0.9, np.random.default_rng(0))
    gold = first.reference.sample.gold
    for run, f1 in ((first, found.first), (second, found.second)):
        expected = f1_score(gold, run.probs.argmax(axis=1), average=None)
        assert f1 == pytest.approx(expected)
    assert (found.low < found.difference).all()
    assert (found.difference < found.high).all()
    right = [run.probs.argmax(axis=1) == gold for run in two]
    assert found.gained[1] == (right[1] & ~right[0] & (gold == 1)).sum()
    assert found.lost[2] == (right[0] & ~right[1] & (gold == 2)).sum()


def test_equal_classifiers_hardly_ever_differ_clearly_in_a_class():
    rng, runs, alarms, n = np.random.default_rng(3), by_default(20, thorough=400), 0, 10
    labels = LabelSet(tuple(f"class {i}" for i in range(n)))
    for _ in range(runs):
        gold = rng.choice(n, 500, p=rng.dirichlet(np.full(n, 2.0)))
        sample = whole_sample(gold, np.ones(500))
        both = Pair(labels, "dev", sample, *(predictions(gold, 0.2, rng, n) for _ in "ab"), 0)
        found = class_differences(both, 1 - 0.1 / n, rng)
        alarms += bool(((found.low > 0) | (found.high < 0)).any())
        assert np.isnan(found.low[found.n_gold < LEAST_TELLING]).all()
    assert alarms <= 0.15 * runs


def test_settings_of_a_component_are_listed_only_within_the_component():
    dbal = {"seed": 1, "strategy": {"_target_": "a.Dbal", "clusters": 3}, "rules": {"a": 1}}
    more = {"seed": 2, "strategy": {"_target_": "a.Dbal", "clusters": 9}, "rules": {"a": 2}}
    other = {"seed": 1, "strategy": {"_target_": "a.Random"}, "rules": {}, "name": "other"}
    assert varied([dbal, more]) == {
        "seed": [1, 2], "strategy.clusters": [3, 9], "rules": ["1 (a)", "1 (b)"],
    }  # fmt: skip
    assert list(varied([dbal, other])) == ["strategy", "rules"]
    assert varied([dbal, dbal]) == {}
