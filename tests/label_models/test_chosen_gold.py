"""Gold of hard texts corrects rules, and does not make the label model doubt all texts."""

import numpy as np
import pytest
from scipy.special import expit, logit
from simulations import chosen_gold, keyword_rules, many_classes

from wsal.label_models.auto import Auto
from wsal.label_models.chosen_gold import correct, expected_precision
from wsal.label_models.gold_votes import GoldVotes
from wsal.label_models.majority import Majority
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes


def quality(fitted, votes, truth, gold):
    """Accuracy on the covered texts without gold, and how far the mean confidence is from it."""
    others = (votes >= 0).any(axis=1) & (gold < 0)
    probs = fitted.predict_proba(votes)[others]
    right = (probs.argmax(axis=1) == truth[others]).mean()
    return right, abs(probs.max(axis=1).mean() - right)


@pytest.mark.parametrize("seed", range(4))
def test_gold_of_texts_on_which_rules_err_leaves_the_confidence_right(seed):
    votes, truth = keyword_rules(6_000, 10, 30, (0.2, 0.5), (0, 0.03), seed)
    before = Auto().fit(votes, 10)
    errs = (votes >= 0).any(axis=1) * np.where(before.predict_proba(votes).argmax(1) != truth, 9, 1)
    gold = chosen_gold(truth, errs, 100, seed)
    after = correct(Auto(), before, SparseVotes.of(votes), gold)
    (old, far), (new, off) = (quality(fit, votes, truth, gold) for fit in (before, after))
    taken_for_random = quality(Auto().fit(votes, 10, gold=gold), votes, truth, gold)[1]
    assert new > old - 0.01
    assert off < far + 0.05
    assert off < taken_for_random


@pytest.mark.parametrize("seed", range(3))
def test_a_rule_that_is_wrong_more_often_than_expected_loses_its_weight(seed):
    """Where it fires no other rule does, so that nothing but gold shows how wrong it is."""
    rng = np.random.default_rng(seed)
    votes, truth = keyword_rules(4_000, 4, 8, (0.3, 0.6), (0, 0.03), seed)
    alone = rng.random(len(truth)) < 0.1
    votes[alone] = -1
    votes[alone, 0] = 0
    before = Precision().fit(votes, 4)
    gold = chosen_gold(truth, alone * 1.0, 40, seed)
    after = correct(Precision(), before, SparseVotes.of(votes), gold)
    assert after.precision[0, 0] < before.precision[0, 0] - 0.1
    assert after.precision[1:] == pytest.approx(before.precision[1:], abs=0.02)


def test_it_moves_log_odds_by_what_gold_shows_beyond_what_was_expected():
    """Beside a version with loops, for rules without terms and many gold texts."""
    votes, truth = many_classes(0, n=3_000, n_classes=6)
    sparse, gold = SparseVotes.of(votes), np.where(np.arange(3_000) < 400, truth, -1)
    before = Precision().fit(votes, 6)
    probs = before.predict_proba(votes)
    known = GoldVotes.of(sparse, gold, 6)
    found = expected_precision(known, before.posterior, before.precision)
    after = correct(Precision(gold_strength=1e-3), before, sparse, gold)
    for rule in range(votes.shape[1]):
        label, cast = rule % 6, np.flatnonzero(votes[:400, rule] >= 0)
        expected = probs[cast, label].mean()
        assert found[rule, label] == pytest.approx(expected, abs=1e-6)
        right = (truth[cast] == label).sum()
        of_gold = np.array([(right + w * expected) / (len(cast) + w) for w in (5e-4, 16e-3)])
        move = logit(of_gold) - logit(expected)
        low, high = np.sort(expit(logit(before.precision[rule, label]) + move))
        assert low - 1e-6 <= after.precision[rule, label] <= high + 1e-6


def test_texts_of_no_class_count_against_the_rules_that_vote_for_them():
    votes, truth = keyword_rules(3_000, 3, 6, (0.3, 0.6), (0, 0.02), 0)
    fires = np.flatnonzero(votes[:, 0] >= 0)[:40]
    gold = np.where(np.arange(3_000) < 60, truth, -1)
    before = Precision().fit(votes, 3)
    without = correct(Precision(), before, SparseVotes.of(votes), gold)
    gold[fires] = 3
    after = correct(Precision(), before, SparseVotes.of(votes), gold)
    assert after.precision[0, 0] < without.precision[0, 0] - 0.1


def test_with_little_gold_or_another_model_nothing_is_corrected():
    votes, truth = keyword_rules(1_000, 3, 6, (0.3, 0.6), (0, 0.02), 0)
    gold = np.where(np.arange(1_000) < 5, truth, -1)
    before = Precision().fit(votes, 3)
    assert correct(Precision(), before, SparseVotes.of(votes), gold) is before
    majority = Majority().fit(votes, 3)
    assert correct(Majority(), majority, SparseVotes.of(votes), gold) is None
