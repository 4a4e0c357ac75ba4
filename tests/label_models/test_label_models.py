"""Label models recover what was simulated, and keep their promises under permutation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulations import broad_rules

from wsal.errors import ModelError
from wsal.label_models.auto import Auto
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.moments import Moments
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.triplets import FittedTriplets, Triplets, accuracy_of
from wsal.label_models.vote_patterns import distinct_patterns, learning_sample

MODELS = {
    "majority": Majority(),
    "specificity": Majority("specificity"),
    "dawid_skene": DawidSkene(),
    "precision": Precision(),
    "moments": Moments(),
    "triplets": Triplets(),
    "auto": Auto(),
}


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
    votes, _ = broad_rules(4000, 3, accuracy, coverage)
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
        for model in (Majority(), Precision())
    }
    assert found["Precision"] > found["Majority"] + 0.02, found


def test_does_not_collapse_on_rules_that_vote_for_one_class_only():
    votes, truth = one_class_rules(3000, 4, 2, accuracy=(0.95, 0.9))
    covered = (votes >= 0).any(axis=1)
    probs = DawidSkene().fit(votes, 4).predict_proba(votes)
    assert (probs.argmax(axis=1) == truth)[covered].mean() > 0.85


def test_probabilities_of_precision_stage_say_how_often_they_are_right():
    votes, truth = one_class_rules(8000, 5, 2, accuracy=(0.95, 0.8))
    lone = (votes >= 0).sum(axis=1) == 1
    probs = Precision(temper=1.0).fit(votes, 5).predict_proba(votes)[lone]
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
    votes, _ = broad_rules(120, 3, np.array([0.9, 0.7, 0.8]), np.array([0.7, 0.6, 0.5]))
    fitted = DawidSkene(tolerance=1e-6, drift=1).fit(votes, 3)
    confusion = slow_dawid_skene(votes, 3)
    np.testing.assert_allclose(fitted.confusion, confusion, atol=1e-4)
    covered = votes[(votes >= 0).any(axis=1)]
    expected = slow_posterior(covered, confusion)
    np.testing.assert_allclose(fitted.predict_proba(covered), expected, atol=1e-4)


matrices = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(-1, 3, size=(30, 4)).astype(np.int16)
)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
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
    for model in MODELS.values():
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
    patterns, which, counts = distinct_patterns(SparseVotes.of(votes))
    assert (dense(patterns)[which] == votes).all()
    assert counts.sum() == len(votes)
    assert len(np.unique(dense(patterns), axis=0)) == len(patterns)


def dense(votes):
    """The matrix that sparse votes stand for, by a loop."""
    matrix = np.full((len(votes), votes.n_rules), -1, dtype=np.int16)
    for i in range(len(votes)):
        for at in range(votes.starts[i], votes.starts[i + 1]):
            matrix[i, votes.rules[at]] = votes.classes[at]
    return matrix


@given(votes=matrices, seed=st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_sparse_votes_are_the_dense_ones(votes, seed):
    held = SparseVotes.of(votes)
    by_column = SparseVotes.of_columns(iter(votes.T), len(votes))
    assert (dense(held) == votes).all()
    assert (dense(by_column) == votes).all()
    rows = np.random.default_rng(seed).integers(0, len(votes), size=12)
    assert (dense(held.take(rows)) == votes[rows]).all()
    cells = held.indicators(3).toarray().reshape(len(votes), -1, 3)
    assert (cells == (votes[:, :, None] == np.arange(3))).all()
    codes = held.codes()
    same = (votes[:, None] == votes[None]).all(axis=2)
    assert ((codes[:, None] == codes[None]) == same).all()


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_dense_and_sparse_votes_give_the_same_probabilities(model):
    votes, _ = broad_rules(500, 3, np.array([0.9, 0.7, 0.8]), np.array([0.7, 0.6, 0.5]))
    held = SparseVotes.of(votes)
    expected = model.fit(votes, 3).predict_proba(votes)
    assert (model.fit(held, 3).predict_proba(held) == expected).all()
    assert (model.fit(votes.astype(int), 3).predict_proba(votes.tolist()) == expected).all()


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (np.array([0, 1]), r"shape \(2,\)"),
        (np.array([[0.0, 1.0]]), "type float64"),
        (np.array([[0, 3]]), "from 0 to 3; expected classes from 0 to 2"),
        (np.array([[0, -2]]), "from -2 to 0; expected"),
    ],
)
def test_votes_that_are_no_classes_are_refused(model, votes, message):
    with pytest.raises(ModelError, match=message):
        model.fit(votes, 3)


def test_a_learning_sample_stands_for_all_votes_and_keeps_those_of_rare_rules():
    votes, _ = one_class_rules(20_000, 3, 2, accuracy=(0.9, 0.8))
    rare = np.full((len(votes), 1), -1, dtype=np.int16)
    rare[::701] = 2
    votes = np.concatenate([votes, rare], axis=1)
    sample, weights = learning_sample(SparseVotes.of(votes), most=2000, least=20)
    estimated = np.bincount(sample.rules, np.repeat(weights, sample.n_votes), 7)
    actual = (votes >= 0).sum(axis=0)
    assert len(sample) < 3000
    assert estimated[6] == actual[6]
    np.testing.assert_allclose(estimated, actual, rtol=0.1)


def test_learning_from_a_sample_is_as_good_as_from_all():
    votes, truth = one_class_rules(40_000, 5, 4, accuracy=(0.98, 0.9, 0.8, 0.5))
    covered = (votes >= 0).any(axis=1)
    right = [
        (Precision(DawidSkene(max_texts=n), max_texts=n).fit(votes, 5).predict_proba(votes)
         .argmax(axis=1) == truth)[covered].mean()
        for n in (2_000, 100_000)
    ]  # fmt: skip
    assert right[0] == pytest.approx(right[1], abs=0.01)


def test_many_one_class_rules_of_few_votes_do_not_end_in_one_class():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, size=5000)
    accuracy, rate = 0.6 + 0.35 * rng.random(100), 0.05 * (0.3 + 1.4 * rng.random(100)) * 10
    columns = [
        np.where(
            rng.random(5000) < rate[j] * np.where(truth == j % 10, accuracy[j],
                                                  (1 - accuracy[j]) / 9), j % 10, -1)
        for j in range(100)
    ]  # fmt: skip
    votes = np.stack(columns, axis=1).astype(np.int16)
    covered = (votes >= 0).any(axis=1)

    def right(model):
        return (model.fit(votes, 10).predict_proba(votes).argmax(axis=1) == truth)[covered].mean()

    assert right(DawidSkene(drift=1.0)) < 0.5  # what the guard is for
    assert right(Precision()) > right(Majority()) - 0.01


def with_gold(truth, votes, n, seed=0):
    """Gold for `n` covered texts, -1 elsewhere."""
    covered = np.flatnonzero((votes >= 0).any(axis=1))
    known = np.random.default_rng(seed).choice(covered, n, replace=False)
    gold = np.full(len(truth), -1)
    gold[known] = truth[known]
    return gold


def test_gold_calibrates_where_rules_repeat_one_another():
    votes, truth = one_class_rules(4000, 4, 2, accuracy=(0.9, 0.5))
    votes = np.concatenate([votes] * 4, axis=1)  # four times the same evidence
    covered = (votes >= 0).any(axis=1)
    for model in (Precision(), Auto()):
        losses = []
        for gold in (None, with_gold(truth, votes, 60)):
            probs = model.fit(votes, 4, gold=gold).predict_proba(votes)[covered]
            losses.append(-np.log(probs[np.arange(covered.sum()), truth[covered]]).mean())
        assert losses[1] < losses[0] - 0.1, losses


def test_gold_turns_a_rule_down_that_all_others_are_wrong_with():
    rng = np.random.default_rng(0)
    truth = np.zeros(400, dtype=np.int64)
    votes = np.full((400, 3), -1, dtype=np.int16)
    votes[:200] = [1, 1, 0]  # two rules agree, and are wrong
    votes[200:] = [-1, -1, 0]
    gold = np.where(rng.random(400) < 0.5, truth, -1)
    fitted = Precision().fit(votes, 2, gold=gold)
    assert (fitted.predict_proba(votes).argmax(axis=1) == 0).all()
    assert (Majority().fit(votes, 2).predict_proba(votes[:200]).argmax(axis=1) == 1).all()


def test_auto_takes_majority_where_rules_agree_no_more_than_by_chance():
    votes = np.random.default_rng(0).integers(-1, 4, size=(2000, 6)).astype(np.int16)
    fitted = Auto().fit(votes, 4)
    assert fitted.name == "majority"
    assert "above chance" in fitted.why()
    sensible, _ = broad_rules(2000, 4, np.array([0.9, 0.8, 0.8]), np.full(3, 0.7))
    assert Auto().fit(sensible, 4).name == "precision"


def test_auto_chooses_by_gold_and_names_the_losses():
    votes, truth = one_class_rules(4000, 4, 3, accuracy=(0.98, 0.9, 0.3))
    fitted = Auto().fit(votes, 4, gold=with_gold(truth, votes, 100))
    assert fitted.name == "precision"
    assert "100 labelled texts" in fitted.why()
    assert "majority" in fitted.why()


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_a_text_without_a_vote_gets_the_prior_and_ties_go_with_it(model):
    votes, _ = broad_rules(400, 3, np.array([0.9, 0.8, 0.8]), np.full(3, 0.6))
    votes[0] = -1
    prior = np.array([0.2, 0.7, 0.1])
    probs = model.fit(votes, 3, prior=prior).predict_proba(votes)
    np.testing.assert_allclose(probs[0], prior, rtol=1e-5)
    tied = np.array([[0, 1, -1]], dtype=np.int16)
    said = Majority().fit(tied, 3, prior=prior).predict_proba(tied)
    assert said.argmax() == 1


def test_moments_recover_how_rules_vote():
    votes, _ = broad_rules(
        60_000, 3, np.array([0.9, 0.8, 0.7, 0.85]), np.array([0.6, 0.5, 0.6, 0.7])
    )
    mu = Moments(pull=1e-3).fit(votes, 3).mu  # (rules, said, class)
    expected = np.array([0.9, 0.8, 0.7, 0.85]) * np.array([0.6, 0.5, 0.6, 0.7])
    np.testing.assert_allclose(np.trace(mu, axis1=1, axis2=2) / 3, expected, atol=0.05)


def test_triplets_recover_accuracies_and_pass_over_rules_that_never_meet():
    accuracy = np.array([0.9, 0.8, 0.7, 0.85])
    votes, _ = broad_rules(40_000, 2, accuracy, np.full(4, 0.6))
    lonely = np.full((len(votes), 1), -1, dtype=np.int16)
    fitted = Triplets().fit(np.concatenate([votes, lonely], axis=1), 2)
    np.testing.assert_allclose(fitted.accuracy[:4].mean(axis=1), accuracy, atol=0.03)
    assert (fitted.accuracy[4] == 0.75).all()


def exact_posterior(votes, precision, n_classes):
    """Bayes' rule text by text: rules independent given the class, wrong votes alike for all."""
    rows = []
    for row in votes:
        joint = np.ones(n_classes)
        for j, vote in enumerate(row):
            if vote >= 0:
                wrong = (1 - precision[j]) / (n_classes - 1)
                joint = joint * np.where(np.arange(n_classes) == vote, precision[j], wrong)
        rows.append(joint / joint.sum())
    return np.array(rows)


@pytest.mark.parametrize("n_classes", [2, 4, 10])
def test_triplets_give_the_exact_posterior(n_classes):
    precision = np.array([0.75, 0.9, 0.6])
    accuracy = np.array([[accuracy_of(p, n_classes)] * n_classes for p in precision])
    fitted = FittedTriplets(accuracy, np.full(n_classes, 1 / n_classes))
    votes = np.random.default_rng(0).integers(-1, n_classes, size=(50, 3)).astype(np.int16)
    votes[0] = [1, -1, -1]
    found = fitted.predict_proba(votes)
    assert found[0, 1] == pytest.approx(0.75)  # a lone vote is as sure as its rule is precise
    np.testing.assert_allclose(found, exact_posterior(votes, precision, n_classes), atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_of_triplets_say_how_often_they_are_right(n_classes):
    votes, truth = broad_rules(30_000, n_classes, np.full(4, 0.75), np.full(4, 0.6))
    probs = Triplets().fit(votes, n_classes).predict_proba(votes)
    for n_votes in (1, 2, 3):
        rows = (votes >= 0).sum(axis=1) == n_votes
        right = (probs.argmax(axis=1) == truth)[rows].mean()
        assert probs[rows].max(axis=1).mean() == pytest.approx(right, abs=0.03)


def test_being_right_on_the_commonest_class_weighs_less():
    """A broad rule for what 9 of 10 texts are is right 9 times of 10 by chance alone."""
    rng = np.random.default_rng(0)
    truth = (rng.random(6000) < 0.1).astype(int)
    common = np.where(rng.random(6000) < 0.8, 0, -1)
    rare = [np.where(rng.random(6000) < np.where(truth == 1, 0.5, 0.02), 1, -1) for _ in range(4)]
    votes = np.stack([common, *rare], axis=1).astype(np.int16)
    covered = (votes >= 0).any(axis=1)
    found = {}
    for model in (Precision(), Majority()):
        right = model.fit(votes, 2).predict_proba(votes)[covered].argmax(axis=1) == truth[covered]
        found[type(model)] = right[truth[covered] == 0].mean(), right[truth[covered] == 1].mean()
    assert found[Precision][0] > 0.85
    assert found[Precision][1] > found[Majority][1] + 0.2


def test_gold_lifts_what_is_right_more_often_than_votes_say_and_changes_no_answer():
    """Rules of which each is poor where it votes alone, by the consensus, but right by gold."""
    votes, truth = broad_rules(4000, 6, np.array([0.97, 0.55, 0.55]), 0.5, seed=1)
    covered = (votes >= 0).any(axis=1)
    gold = with_gold(truth, votes, 60)
    fitted = Precision().fit(votes, 6, gold=gold)
    probs = fitted.predict_proba(votes)[covered]
    right = (probs.argmax(axis=1) == truth[covered]).mean()
    assert abs(probs.max(axis=1).mean() - right) < 0.08
    answers = fitted.scores(SparseVotes.of(votes)).argmax(axis=1)[covered]
    assert (answers == probs.argmax(axis=1)).mean() > 0.999
