"""Votes and gold for parents: the likelihood sums over their classes."""

from dataclasses import replace

import numpy as np
import pytest

from wsal.errors import ModelError
from wsal.label_models.agreement import agreement
from wsal.label_models.auto import Auto
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.moments import Moments
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.triplets import Triplets
from wsal.labels import LabelSet
from wsal.members import by_class, by_code, judge, nested, within

LABELS = LabelSet(
    ("a1", "a2", "b1", "b2", "b3"), {"A": ("a1", "a2"), "B": ("b1", "b2", "b3"), "b": ("b1", "b2")}
)
A, B, SMALL_B = (LABELS.code(name) for name in ("A", "B", "b"))
MEMBERS = LABELS.members
MODELS = [Precision(), Majority(), DawidSkene(), Auto()]


def with_members(matrix):
    return replace(SparseVotes.of(np.asarray(matrix, dtype=np.int16)), members=MEMBERS)


def simulated(n=3_000, seed=0):
    """Two rules vote for parents and are right 9 times in 10; one votes for classes, 7 in 10."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 5, n)
    parents = np.where(truth < 2, A, B)
    others = np.where(truth < 2, B, A)
    votes = np.full((n, 3), -1, dtype=np.int16)
    for rule in (0, 1):
        cast = draw.random(n) < 0.7
        right = draw.random(n) < 0.9
        votes[cast, rule] = np.where(right, parents, others)[cast]
    cast, right = draw.random(n) < 0.7, draw.random(n) < 0.7
    votes[cast, 2] = np.where(right, truth, (truth + draw.integers(1, 5, n)) % 5)[cast]
    return votes, truth


@pytest.mark.parametrize("model", MODELS)
def test_votes_for_parents_make_the_class_likelier_and_the_sum_calibrated(model):
    votes, truth = simulated()
    probs = model.fit(with_members(votes), 5).predict_proba(with_members(votes))
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-4)
    alone = np.flatnonzero((votes[:, 0] >= 0) & (votes[:, 1] < 0) & (votes[:, 2] < 0))
    of_vote = (probs[alone] * MEMBERS[votes[alone, 0]]).sum(axis=1)
    assert of_vote.min() > 0.6
    inside = probs[alone][votes[alone, 0] == B][:, 2:]
    assert np.allclose(
        inside, inside.mean(axis=1, keepdims=True), atol=0.15
    )  # none of them is favoured
    without = model.fit(votes[:, 2:], 5).predict_proba(votes[:, 2:])
    assert (probs.argmax(axis=1) == truth).mean() > (without.argmax(axis=1) == truth).mean() + 0.03


def test_a_parent_with_one_class_votes_as_the_class_does():
    labels = LabelSet(("x", "y", "z"), {"Y": ("y",)})
    draw = np.random.default_rng(1)
    truth = draw.integers(0, 3, 500)
    votes = np.where(draw.random((500, 3)) < 0.8, truth[:, None], draw.integers(0, 3, (500, 3)))
    votes = votes.astype(np.int16)
    by_parent = votes.copy()
    by_parent[:, 0] = np.where(votes[:, 0] == 1, labels.code("Y"), votes[:, 0])
    both = [replace(SparseVotes.of(v), members=labels.members) for v in (votes, by_parent)]
    for model in (Precision(), Majority()):
        first, second = (model.fit(v, 3).predict_proba(v) for v in both)
        np.testing.assert_allclose(first, second, atol=2e-3)


@pytest.mark.parametrize("model", MODELS)
def test_without_votes_for_parents_nothing_changes(model):
    votes, _ = simulated()
    votes = np.where(votes >= 5, -1, votes)
    gold = np.where(np.arange(len(votes)) < 200, np.arange(len(votes)) % 5, -1)
    flat = model.fit(votes, 5, gold=gold).predict_proba(votes)
    tree = with_members(votes)
    np.testing.assert_allclose(
        model.fit(tree, 5, gold=gold).predict_proba(tree),
        flat,
        atol=0.02 if model != Majority() else 1e-6,
    )


@pytest.mark.parametrize("model", [Precision(), Auto(), DawidSkene()])
def test_gold_at_parents_shows_how_good_rules_are(model):
    """One of two rules for parents is wrong half of the time, which the votes alone hide."""
    votes, truth = simulated(seed=2)
    draw = np.random.default_rng(3)
    votes[:, 1] = np.where(draw.random(len(votes)) < 0.5, A, B)
    gold = np.where(truth < 2, A, B)
    gold[600:] = -1
    tree = with_members(votes)
    fitted = model.fit(tree, 5, gold=gold)
    probs = fitted.predict_proba(tree)
    only = [np.flatnonzero((votes[:, 0] >= 0) & (votes[:, 0] != votes[:, 1]) & (votes[:, 2] < 0))]
    of_good = (probs[only[0]] * MEMBERS[votes[only[0], 0]]).sum(axis=1)
    assert of_good.mean() > 0.6


def test_a_vote_for_a_part_of_the_gold_says_nothing_of_its_rule():
    right, known = judge(np.array([0, 0, 2, B, SMALL_B]), np.array([A, B, B, 2, B]), MEMBERS)
    assert right.tolist() == [False, False, False, True, False]
    assert known.tolist() == [False, True, False, True, False]


def test_sums_over_codes_are_those_of_the_matrix():
    values = np.random.default_rng(0).random((4, 5))
    np.testing.assert_allclose(by_code(values, MEMBERS), values @ MEMBERS.T)
    coded = np.random.default_rng(1).random((4, len(MEMBERS)))
    np.testing.assert_allclose(by_class(coded, MEMBERS), coded @ MEMBERS)
    assert by_code(values, None) is values
    assert nested(MEMBERS)[B, SMALL_B] and not nested(MEMBERS)[A, SMALL_B]


def test_within_keeps_the_shares_of_the_classes():
    probs = np.array([[0.2, 0.2, 0.6, 0, 0], [0, 0, 0.2, 0.3, 0.5], [1.0, 0, 0, 0, 0]])
    inside = within(probs, np.array([A, SMALL_B, B]), MEMBERS)
    np.testing.assert_allclose(inside[:2], [[0.5, 0.5, 0, 0, 0], [0, 0, 0.4, 0.6, 0]])
    np.testing.assert_allclose(inside[2, 2:], 1 / 3)  # the weak label knew of none of them


def test_a_parent_and_its_class_agree():
    votes = with_members([[B, 2], [A, 0]] * 200)
    low, _ = agreement(votes, np.ones(400), 5)
    assert low > 0.9
    apart = with_members([[B, 0], [A, 2]] * 200)
    assert agreement(apart, np.ones(400), 5)[1] < 0


@pytest.mark.parametrize("model", [Moments(), Triplets()])
def test_other_models_refuse_votes_for_parents(model):
    with pytest.raises(ModelError, match="votes are for parents, which stand for several classes"):
        model.fit(with_members(simulated(50)[0]), 5)
    classes = np.where(simulated(50)[0] >= 5, 0, simulated(50)[0])
    assert np.isfinite(model.fit(with_members(classes), 5).predict_proba(classes)).all()


def test_codes_without_members_are_refused():
    with pytest.raises(ModelError, match="expected classes from 0 to 4"):
        Precision().fit(np.array([[A]], dtype=np.int16), 5)
