"""The default label model: what it chooses, on what grounds, and that no detail turns it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulations import (
    broad_rules,
    chosen_gold,
    keyword_rules,
    log_loss,
    many_classes,
    repeated,
    some_gold,
)

from wsal.label_models.auto import Auto, agreement, fit_alternative
from wsal.label_models.calibration import LAPSE
from wsal.label_models.majority import Majority
from wsal.label_models.sparse import SparseVotes


def rules_that_never_meet(n=5_000, n_classes=4, seed=0):
    """Two rules a class; each text has the vote of one of them."""
    rng = np.random.default_rng(seed)
    truth, rule = rng.integers(n_classes, size=n), rng.integers(2 * n_classes, size=n)
    votes = np.full((n, 2 * n_classes), -1, dtype=np.int16)
    fires = (truth == rule % n_classes) | (rng.random(n) < 0.03)
    votes[np.flatnonzero(fires), rule[fires]] = rule[fires] % n_classes
    return votes


@pytest.mark.parametrize("pair", [(0, 1), (0, 4)], ids=["they differ", "they agree"])
def test_one_text_on_which_rules_meet_changes_neither_choice_nor_labels(pair):
    votes = rules_that_never_meet()
    before = Auto().fit(votes, 4)
    votes[0] = -1
    votes[0, list(pair)] = np.array(pair) % 4
    after = Auto().fit(votes, 4)
    assert (before.name, after.name) == ("precision", "precision")
    np.testing.assert_allclose(
        after.predict_proba(votes[1:]), before.predict_proba(votes[1:]), atol=0.01
    )


def test_one_rule_a_class_is_no_reason_for_majority_vote():
    """Two votes can only conflict; so that they do says nothing."""
    n, n_classes = 30_000, 10
    rng = np.random.default_rng(1)
    truth, false = rng.integers(n_classes, size=n), np.linspace(0.005, 0.12, n_classes)
    rate = np.where(np.eye(n_classes, dtype=bool), 0.5, false)  # (class, rule)
    fires = rng.random((n, n_classes)) < rate[truth]
    votes = np.where(fires, np.arange(n_classes), -1).astype(np.int16)
    covered = fires.any(axis=1)
    fitted = Auto().fit(votes, n_classes)
    assert fitted.name == "precision"
    found, plain = (
        model.predict_proba(votes)[covered] for model in (fitted, Majority().fit(votes, n_classes))
    )
    truth, fires = truth[covered], fires[covered]
    assert (found.argmax(1) == truth).mean() >= (plain.argmax(1) == truth).mean() - 1e-9
    assert log_loss(found, truth) < 0.6 * log_loss(plain, truth)
    joint = np.log(np.where(fires[:, None, :], rate, 1 - rate)).sum(axis=2)
    exact = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    assert log_loss(found, truth) < 1.05 * log_loss(exact, truth)  # nothing can be better than that


def test_noise_is_taken_for_noise_and_weak_or_adverse_rules_are_not():
    noise = np.random.default_rng(0).integers(-1, 4, size=(2000, 6)).astype(np.int16)
    fitted = Auto().fit(noise, 4)
    assert fitted.name == "majority"
    assert "above chance" in fitted.why()
    lone = np.array([[2, -1, -1, -1, -1, -1]], dtype=np.int16)
    assert fitted.predict_proba(lone)[0, 2] == pytest.approx(0.8, abs=0.02)  # not 1
    adverse, truth = broad_rules(
        5000, 3, np.array([0.9, 0.85, 0.8, 0.1]), np.array([0.4, 0.4, 0.4, 0.8]), seed=13
    )
    fitted = Auto().fit(adverse, 3)
    assert fitted.name == "precision"
    right, of_majority = (
        (model.predict_proba(adverse).argmax(1) == truth).mean()
        for model in (fitted, Majority().fit(adverse, 3))
    )
    assert right > of_majority + 0.1


def slow_agreement(votes, weights, n_classes):
    """The same by loops over texts and pairs of rules."""
    cast = np.zeros((votes.shape[1], n_classes))
    for row, weight in zip(votes, weights, strict=True):
        for j, vote in enumerate(row):
            if vote >= 0:
                cast[j, vote] += weight
    shared = [c for c in range(n_classes) if (cast[:, c] > 0).sum() > 1]
    pairs, alike = [], []
    for row in votes:
        said = [vote for vote in row if vote in shared]
        meet = [(a, b) for i, a in enumerate(said) for j, b in enumerate(said) if i != j]
        pairs.append(len(meet))
        alike.append(sum(a == b for a, b in meet))
    both = [(i, j) for i in range(len(cast)) for j in range(len(cast)) if i != j]
    could = sum(cast[i, c] * cast[j, d] for i, j in both for c in shared for d in shared)
    by_chance = sum(cast[i, c] * cast[j, c] for i, j in both for c in shared)
    if not sum(pairs) or by_chance >= could:
        return None
    pairs, alike = np.array([*pairs, 2, 2, 2, 2]), np.array([*alike, 0, 0, 2, 2])
    weights, chance = np.array([*weights, 1, 1, 1, 1]), by_chance / could
    share = (weights * alike).sum() / (weights * pairs).sum()
    error = np.sqrt(((weights * (alike - share * pairs)) ** 2).sum()) / (weights * pairs).sum()
    return [(share + side * error - chance) / (1 - chance) for side in (-2, 2)]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_agreement_is_that_of_the_slow_version(seed):
    rng = np.random.default_rng(seed)
    n_rules, n_classes = rng.integers(1, 6), rng.integers(2, 5)
    votes = rng.integers(-1, n_classes, size=(20, n_rules)).astype(np.int16)
    weights = rng.integers(1, 4, size=20).astype(float)
    found = agreement(SparseVotes.of(votes), weights, n_classes)
    expected = slow_agreement(votes, weights, n_classes)
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_independent_keyword_rules_agree_as_by_chance_whatever_their_classes():
    """Rules that fire at random, two of a class or three: agreement is 0, not below."""
    rng = np.random.default_rng(0)
    votes = np.where(rng.random((20_000, 9)) < 0.2, np.array([0, 0, 1, 1, 1, 2, 2, 2, 2]), -1)
    low, high = agreement(SparseVotes.of(votes.astype(np.int16)), np.ones(20_000), 3)
    assert low < 0 < high < 0.03


@pytest.mark.parametrize("n_gold", [0, 100])
def test_no_text_can_cost_more_than_a_few_nats(n_gold):
    votes, truth = keyword_rules(3000, 4, 8, (0.4, 0.5), (0.03, 0.2), seed=20)
    votes = repeated(votes, 8)
    gold = some_gold(truth, n_gold, 0) if n_gold else None
    probs = Auto().fit(votes, 4, gold=gold).predict_proba(votes)
    assert probs.min() > 0.99 * LAPSE / 4


def test_gold_shows_that_another_model_is_better():
    """19 of 20 texts are of one class, which rules for the other drown in false votes."""
    votes, truth = keyword_rules(8000, 2, 10, (0.1, 0.4), (0.01, 0.1), 8, prior=[0.95, 0.05])
    covered = (votes >= 0).any(axis=1)
    gold = some_gold(truth, 300, 0)
    fitted = Auto().fit(votes, 2, gold=gold)
    assert "labelled texts: precision" in fitted.why()
    unseen = covered & (gold < 0)
    right = (fitted.predict_proba(votes).argmax(1) == truth)[unseen].mean()
    of_majority = (Majority().fit(votes, 2).predict_proba(votes).argmax(1) == truth)[unseen].mean()
    assert right > of_majority - 0.03  # without gold 0.15 below


@pytest.mark.parametrize("seed", [9, 25])
def test_a_lower_log_loss_on_hard_gold_does_not_make_up_for_more_mistakes(seed):
    votes, truth = many_classes(seed)
    fitted = Auto().fit(votes, 40, gold=hard_gold(votes, truth, 40, seed))
    model = fit_alternative("majority", SparseVotes.of(votes), 40, None)
    assert accuracy(fitted, votes, truth) > accuracy(model, votes, truth) + 0.01


@pytest.mark.parametrize("seed", range(3))
def test_gold_shows_that_rules_vote_for_texts_of_another_class(seed):
    """Each rule also votes for some texts of one wrong class: confusion, not noise."""
    rng, n_classes = np.random.default_rng(seed), 40
    votes, truth = many_classes(seed)
    for rule in range(votes.shape[1]):
        wrong = truth == rng.integers(n_classes)
        votes[wrong & (rng.random(len(truth)) < rng.uniform(0, 0.3)), rule] = rule % n_classes
    fitted = Auto().fit(votes, n_classes, gold=hard_gold(votes, truth, n_classes, seed))
    assert fitted.name == "dawid_skene"
    without = Auto().fit(votes, n_classes)
    assert accuracy(fitted, votes, truth) > accuracy(without, votes, truth) + 0.02


def hard_gold(votes, truth, n_classes, seed):
    """Gold as a strategy chooses it: of covered texts whose label is uncertain without it."""
    sure = Auto().fit(votes, n_classes).predict_proba(votes).max(axis=1)
    return chosen_gold(truth, (votes >= 0).any(axis=1) * (1.02 - sure) ** 2, 200, seed)


def accuracy(fitted, votes, truth):
    covered = (votes >= 0).any(axis=1)
    return (fitted.predict_proba(votes).argmax(axis=1) == truth)[covered].mean()
