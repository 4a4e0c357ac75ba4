"""Label models recover what was simulated, and keep their promises under permutation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.patterns import distinct

MODELS = [Majority(), DawidSkene(), DawidSkene(posterior="bayes")]


def simulated(n_texts, accuracy, coverage, n_classes, seed=0):
    """Rules that are right with a given chance where they vote; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, size=n_texts)
    shape = (n_texts, len(accuracy))
    wrong = (truth[:, None] + rng.integers(1, n_classes, size=shape)) % n_classes
    votes = np.where(rng.random(shape) < accuracy, truth[:, None], wrong)
    return np.where(rng.random(shape) < coverage, votes, -1).astype(np.int16), truth


def one_class_rules(n_texts, n_classes, per_class, accuracy, seed=0):
    """Keyword-like rules, each for one class: half of each class's are broad and poor."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, size=n_texts)
    columns = []
    for c in range(n_classes):
        for k in range(per_class):
            fires = rng.random(n_texts) < np.where(truth == c, 0.5, (1 - accuracy[k]) * 0.5)
            columns.append(np.where(fires, c, -1))
    return np.stack(columns, axis=1).astype(np.int16), truth


def test_recovers_the_reliability_of_simulated_rules():
    accuracy, coverage = np.array([0.9, 0.8, 0.6, 0.85]), np.array([0.6, 0.5, 0.9, 0.3])
    votes, _ = simulated(4000, accuracy, coverage, 3)
    fitted = DawidSkene().fit(votes, 3)
    estimated = np.trace(fitted.confusion, axis1=1, axis2=2) / 3
    np.testing.assert_allclose(estimated, accuracy, atol=0.05)


def test_beats_majority_where_rules_differ_in_precision():
    votes, truth = one_class_rules(6000, 5, 3, accuracy=(0.98, 0.95, 0.4))
    covered = (votes >= 0).any(axis=1)
    found = {
        type(model).__name__: (model.fit(votes, 5).predict_proba(votes).argmax(axis=1) == truth)[
            covered
        ].mean()
        for model in (Majority(), DawidSkene())
    }
    assert found["DawidSkene"] > found["Majority"] + 0.02, found


def test_does_not_collapse_on_rules_that_vote_for_one_class_only():
    votes, truth = one_class_rules(3000, 4, 2, accuracy=(0.95, 0.9))
    covered = (votes >= 0).any(axis=1)
    probs = DawidSkene().fit(votes, 4).predict_proba(votes)
    assert (probs.argmax(axis=1) == truth)[covered].mean() > 0.85


def test_probabilities_of_precision_stage_say_how_often_they_are_right():
    votes, truth = one_class_rules(8000, 5, 2, accuracy=(0.95, 0.8))
    lone = (votes >= 0).sum(axis=1) == 1
    probs = DawidSkene(temper=1.0).fit(votes, 5).predict_proba(votes)[lone]
    right = (probs.argmax(axis=1) == truth[lone]).mean()
    assert probs.max(axis=1).mean() == pytest.approx(right, abs=0.12)


def slow_posterior(votes, confusion):
    """Bayes' rule text by text, as a textbook writes it."""
    rows = []
    for row in votes:
        joint = np.ones(confusion.shape[1])
        for j, vote in enumerate(row):
            if vote >= 0:
                joint = joint * confusion[j][:, vote]
        rows.append(joint / joint.sum())
    return np.array(rows)


def slow_dawid_skene(votes, n_classes, right=10.0, wrong=1.0, steps=300, tolerance=1e-6):
    """MAP Dawid-Skene on every text, without distinct patterns, in plain loops."""
    votes = votes[(votes >= 0).any(axis=1)]
    labels = Majority().fit(votes, n_classes).predict_proba(votes).astype(float)
    for _ in range(steps + 1):
        confusion = np.full((votes.shape[1], n_classes, n_classes), wrong)
        for j in range(votes.shape[1]):
            np.fill_diagonal(confusion[j], right)
            for i, vote in enumerate(votes[:, j]):
                if vote >= 0:
                    confusion[j][:, vote] += labels[i]
        confusion /= confusion.sum(axis=2, keepdims=True)
        updated = slow_posterior(votes, confusion)
        moved = np.abs(updated - labels).max()
        labels = updated
        if moved < tolerance:
            break
    return confusion


def test_equals_the_slow_obvious_version():
    votes, _ = simulated(120, np.array([0.9, 0.7, 0.8]), np.array([0.7, 0.6, 0.5]), 3)
    fitted = DawidSkene(posterior="bayes").fit(votes, 3)
    confusion = slow_dawid_skene(votes, 3)
    np.testing.assert_allclose(fitted.confusion, confusion, atol=1e-4)
    covered = votes[(votes >= 0).any(axis=1)]
    expected = slow_posterior(covered, confusion)
    np.testing.assert_allclose(fitted.predict_proba(covered), expected, atol=1e-4)


matrices = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(-1, 3, size=(30, 4)).astype(np.int16)
)


@pytest.mark.parametrize("model", MODELS, ids=["majority", "precision", "bayes"])
@given(votes=matrices, seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_properties(model, votes, seed):
    votes[0] = -1
    probs = model.fit(votes, 3).predict_proba(votes)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(probs[0], 1 / 3, rtol=1e-5)  # no vote: uniform
    rng = np.random.default_rng(seed)
    rows, rules, classes = rng.permutation(30), rng.permutation(4), rng.permutation(3)
    close = {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(
        model.fit(votes[rows], 3).predict_proba(votes[rows]), probs[rows], **close
    )
    np.testing.assert_allclose(
        model.fit(votes[:, rules], 3).predict_proba(votes[:, rules]), probs, **close
    )
    renamed = np.where(votes >= 0, classes[votes], -1).astype(np.int16)
    np.testing.assert_allclose(
        model.fit(renamed, 3).predict_proba(renamed)[:, classes], probs, **close
    )
    silent = np.concatenate([votes, np.full((30, 1), -1, np.int16)], axis=1)
    np.testing.assert_allclose(model.fit(silent, 3).predict_proba(silent), probs, **close)


def test_works_with_one_rule_with_none_and_with_no_votes():
    for model in MODELS:
        for votes in (
            np.array([[1], [-1], [0]], dtype=np.int16),
            np.full((3, 2), -1, dtype=np.int16),
            np.empty((3, 0), dtype=np.int16),
        ):
            probs = model.fit(votes, 2).predict_proba(votes)
            assert probs.shape == (3, 2)
            np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
            assert all(probs[i].argmax() == votes[i, 0] for i in range(3) if (votes[i] >= 0).any())


@given(votes=matrices)
@settings(max_examples=20, deadline=None)
def test_distinct_patterns_put_together_again_are_the_votes(votes):
    patterns, which, counts = distinct(votes)
    assert (patterns[which] == votes).all()
    assert counts.sum() == len(votes)
    assert len(np.unique(patterns, axis=0)) == len(patterns)
