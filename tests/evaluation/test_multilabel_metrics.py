"""Metrics of sets of classes agree with scikit-learn; estimates from samples cover the truth."""

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from wsal.evaluation.multilabel import METRICS, evaluate_sets, f1_thresholds
from wsal.evaluation.multilabel_estimates import estimate_sets, gain_of_sets
from wsal.evaluation.sample import Sample
from wsal.labels import LabelSet


def world(n, seed, shift=0.0):
    """Calibrated probabilities of four classes, and their gold; shifted logits are not."""
    rng = np.random.default_rng(seed)
    logits = rng.normal((-2, -1, -3, 0), 1.5, (n, 4))
    gold = rng.random((n, 4)) < 1 / (1 + np.exp(-logits))
    return (1 / (1 + np.exp(-logits - shift))).astype(np.float32), gold


def test_metrics_are_those_of_scikit_learn():
    probs, gold = world(400, 0)
    limits = np.array([0.4, 0.5, 0.3, 0.6])
    weights = np.random.default_rng(1).integers(1, 4, 400).astype(float)
    mine = evaluate_sets(probs, gold, weights, LabelSet(tuple("abcd")), limits)
    for name in ("micro", "macro"):
        theirs = f1_score(gold, probs >= limits, average=name, sample_weight=weights)
        assert abs(mine[f"{name}_f1"] - theirs) < 1e-9
    precision = average_precision_score(gold, probs, average="macro", sample_weight=weights)
    assert abs(mine["map"] - precision) < 1e-9
    some = gold.any(axis=1) | (probs >= limits).any(axis=1)
    plain = evaluate_sets(
        probs[some], gold[some], np.ones(some.sum()), LabelSet(tuple("abcd")), limits
    )
    theirs = f1_score(gold[some], probs[some] >= limits, average="samples", zero_division=0.0)
    assert abs(plain["example_f1"] - theirs) < 1e-9


def test_thresholds_reach_nearly_the_best_f1_without_gold():
    probs, gold = world(20_000, 2)
    limits = f1_thresholds(probs)
    for label in range(4):
        scores = [
            f1_score(gold[:, label], probs[:, label] >= t) for t in np.linspace(0.05, 0.9, 60)
        ]
        assert f1_score(gold[:, label], probs[:, label] >= limits[label]) > max(scores) - 0.01


def test_a_labelled_frame_gives_the_plain_metrics():
    probs, gold = world(300, 3)
    limits = np.full(4, 0.4)
    sample = Sample(np.arange(300), gold.astype(int), np.arange(300) % 3)
    estimates = estimate_sets(sample, probs, limits, np.random.default_rng(0), 0.9)
    plain = evaluate_sets(probs, gold, np.ones(300), LabelSet(tuple("abcd")), limits)
    for name in METRICS:
        assert abs(estimates[name].value - plain[name]) < 1e-6, name


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    probs, gold = world(3000, 4, shift=0.7)
    limits = f1_thresholds(probs)
    truth = evaluate_sets(probs, gold, np.ones(3000), LabelSet(tuple("abcd")), limits)
    stratum = np.digitize(probs.max(axis=1), [0.4, 0.7])
    hits = dict.fromkeys(METRICS, 0)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(stratum == h), 50, False) for h in range(3)]
        )
        sample = Sample(rows, gold[rows].astype(int), stratum)
        for name, estimate in estimate_sets(sample, probs, limits, rng, 0.9).items():
            hits[name] += estimate.low <= truth[name] <= estimate.high
    assert all(hits[name] >= 45 for name in METRICS), hits


def test_a_gain_is_zero_for_the_same_classifier_and_positive_for_a_better_one():
    probs, gold = world(2000, 5)
    sample = Sample(np.arange(200), gold[:200].astype(int), np.zeros(2000, int))
    limits, rng = f1_thresholds(probs), np.random.default_rng(0)
    same = gain_of_sets(sample, (probs, limits), (probs, limits), rng, 0.9)
    assert all(g.value == g.low == g.high == 0 for g in same.values())
    poor = np.random.default_rng(1).permutation(probs)
    better = gain_of_sets(sample, (poor, limits), (probs, limits), rng, 0.9)
    assert better["micro_f1"].low > 0 and better["map"].low > 0
