"""Metrics equal sklearn's on the rows that the weights stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss

from wsal.evaluation.metrics import calibration_error, evaluate
from wsal.labels import LabelSet

LABELS = LabelSet(("a", "b", "c", "d"))


@given(seed=st.integers(0, 10_000), n=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_weights_stand_for_rows(seed, n):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet([1, 1, 1, 1], size=n).astype(np.float32)
    gold, copies = rng.integers(0, 3, size=n), rng.integers(1, 4, size=n)
    found = evaluate(probs, gold, copies.astype(float), LABELS)
    rows = np.repeat(np.arange(n), copies)
    said, true = probs[rows].argmax(axis=1), gold[rows]
    assert found["n_texts"] == len(rows)
    assert found["accuracy"] == pytest.approx(accuracy_score(true, said))
    present = np.unique(true)
    expected = f1_score(true, said, labels=present, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(expected)
    loss = log_loss(true, probs[rows] / probs[rows].sum(axis=1, keepdims=True), labels=[0, 1, 2, 3])
    assert found["log_loss"] == pytest.approx(loss, rel=1e-4)


def test_a_class_without_gold_does_not_count_in_macro_f1():
    probs = np.eye(4, dtype=np.float32)[[0, 1]]
    assert evaluate(probs, np.array([0, 1]), np.ones(2), LABELS)["macro_f1"] == 1.0


def test_calibration_error_finds_overconfidence():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, size=20_000)
    right = rng.random(20_000) < confidence
    probs = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    gold = np.where(right, 0, 1)
    assert calibration_error(probs, gold, np.ones(len(gold))) < 0.02
    wrong = np.where(rng.random(20_000) < confidence - 0.2, 0, 1)
    assert calibration_error(probs, wrong, np.ones(len(gold))) == pytest.approx(0.2, abs=0.02)
