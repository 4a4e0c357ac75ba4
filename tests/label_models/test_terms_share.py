"""Terms of a rule: each has a precision of its own, which leans on that of the rule."""

from dataclasses import replace

import numpy as np
import pytest

from wsal.label_models.auto import Auto
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.moments import Moments
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes, TermVotes
from wsal.label_models.triplets import Triplets
from wsal.label_models.vote_patterns import LEAST_OF_TERM, learning_sample

CLASSES = 4
WORDS = 6
RIGHT = np.linspace(0.98, 0.3, WORDS)  # how often each word of a rule is right


def catalogue(n=6_000, seed=0):
    """Two rules a class, each with words that are right differently often; votes, truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(CLASSES, size=n)
    by_word = np.full((n, 2 * CLASSES * WORDS), -1, np.int16)
    for column in range(by_word.shape[1]):
        label, word = column // (2 * WORDS), column % WORDS
        fires = np.where(truth == label, RIGHT[word], (1 - RIGHT[word]) / (CLASSES - 1)) * 0.12
        by_word[rng.random(n) < fires, column] = label
    rule_of = np.arange(by_word.shape[1], dtype=np.int32) // WORDS
    by_rule = np.stack([by_word[:, rule_of == j].max(axis=1) for j in range(2 * CLASSES)], axis=1)
    return named(by_rule, by_word, rule_of), truth


def named(by_rule, by_word, rule_of):
    return replace(SparseVotes.of(by_rule), by_term=TermVotes(SparseVotes.of(by_word), rule_of))


def accuracy(model, votes, truth, gold=None):
    probs = model.fit(votes, CLASSES, gold=gold).predict_proba(votes)
    return (probs.argmax(axis=1) == truth)[votes.n_votes > 0].mean()


@pytest.mark.parametrize("model", [Auto, Precision])
def test_words_that_differ_are_told_apart(model):
    votes, truth = catalogue()
    whole = accuracy(model(by_term=False), votes, truth)
    assert whole == accuracy(model(), replace(votes, by_term=None), truth)
    assert accuracy(model(), votes, truth) > whole + 0.03


def test_precision_of_each_word_is_recovered_and_a_rare_word_leans_on_its_rule():
    votes, truth = catalogue()
    gold = np.where(np.random.default_rng(1).random(len(truth)) < 0.3, truth, -1)
    fitted = Precision().fit(votes, CLASSES, gold=gold)
    of_class = [fitted.precision[c * 2 * WORDS : (c + 1) * 2 * WORDS, c] for c in range(CLASSES)]
    assert np.abs(np.mean(of_class, axis=0).reshape(2, WORDS).mean(axis=0) - RIGHT).max() < 0.08


def test_gold_on_some_words_of_a_rule_moves_the_others():
    """Rule 0 is right half of the time, and gold is known for its first word only."""
    n = 4_000
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=n)
    by_word = np.full((n, 3), -1, np.int16)
    word = rng.integers(2, size=n)
    by_word[np.arange(n), word] = 0
    by_word[truth == 1, 2] = np.where(rng.random((truth == 1).sum()) < 0.1, 1, -1)
    by_rule = np.stack([np.zeros(n, np.int16), by_word[:, 2]], axis=1)
    votes = named(by_rule, by_word, np.array([0, 0, 1], np.int32))
    gold = np.where((word == 0) & (np.arange(n) < 600), truth, -1)
    before, after = Precision().fit(votes, 2), Precision().fit(votes, 2, gold=gold)
    assert after.by_gold
    assert after.precision[0, 0] < before.precision[0, 0] - 0.1
    assert after.precision[1, 0] < before.precision[1, 0] - 0.1


def test_a_rule_whose_words_are_alike_loses_nothing():
    votes, truth = catalogue()
    shuffled = votes.by_term
    rng = np.random.default_rng(2)
    column = shuffled.rule_of[shuffled.votes.rules] * WORDS + rng.integers(
        WORDS, size=len(shuffled.votes.rules)
    )
    same = replace(shuffled, votes=replace(shuffled.votes, rules=column.astype(np.int32)))
    by_term = accuracy(Auto(), replace(votes, by_term=same), truth)
    assert by_term > accuracy(Auto(by_term=False), votes, truth) - 0.01


@pytest.mark.parametrize("model", [DawidSkene, Moments, Triplets])
def test_models_of_whole_rules_do_not_learn_from_more_texts_because_of_terms(model):
    votes, _ = catalogue()
    fitted = [model(max_texts=600).fit(each, CLASSES).arrays()
              for each in (votes, votes.without_terms())]  # fmt: skip
    for name, values in fitted[1].items():
        assert np.array_equal(fitted[0][name], values)


def test_a_sample_keeps_enough_votes_of_each_rule_and_a_few_of_each_term():
    votes, _ = catalogue()
    sample, weights = learning_sample(votes, 600, least=100)
    assert weights.max() == 10
    for cast, kept, least in (
        (votes, sample, 100),
        (votes.voters, sample.voters, LEAST_OF_TERM),
    ):
        n_cast, n_kept = (np.bincount(v.rules, minlength=v.n_rules) for v in (cast, kept))
        assert (n_kept >= np.minimum(n_cast, least)).all()
    assert len(sample) < 0.8 * len(votes)
