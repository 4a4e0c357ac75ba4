"""A label model for each class, from votes that only say yes."""

import numpy as np

from wsal.label_models.auto import Auto
from wsal.label_models.multilabel import (
    correct_rules,
    fit_multilabel,
    share_of_yes,
    shifted,
    yes_or_no,
)
from wsal.label_models.precision import Precision
from wsal.label_models.sparse import SparseVotes


def simulated(n=4000, seed=0):
    """Two classes that are often together; each has a good rule and a poor one."""
    rng = np.random.default_rng(seed)
    gold = rng.random((n, 2)) < (0.2, 0.3)
    votes = np.full((n, 4), -1, dtype=np.int16)
    for rule, (label, recall, false) in enumerate(
        [(0, 0.6, 0.02), (0, 0.5, 0.3), (1, 0.6, 0.02), (1, 0.5, 0.3)]
    ):
        chance = np.where(gold[:, label], recall, false)
        votes[rng.random(n) < chance, rule] = label
    return votes, gold


def test_votes_for_a_class_say_yes_and_silence_says_no():
    votes = np.array([[0, 1, -1], [-1, 1, 1], [-1, -1, -1], [0, -1, 0]], dtype=np.int16)
    for label in (0, 1):
        made = yes_or_no(SparseVotes.of(votes), label)
        dense = np.full((4, 4), -1)
        for text in range(4):
            for at in range(made.starts[text], made.starts[text + 1]):
                dense[text, made.rules[at]] = made.classes[at]
        expected = np.where(votes == label, 1, -1)
        silent = np.where((votes == label).any(axis=1), -1, 0)
        assert dense.tolist() == np.column_stack([expected, silent]).tolist()


def test_gold_tells_good_rules_from_poor_ones_and_how_often_silence_errs():
    votes, gold = simulated()
    rows = np.arange(0, 4000, 16)
    cast, known = SparseVotes.of(votes), (rows, gold[rows])
    alone = fit_multilabel(Auto(), cast, 2)
    fitted = shifted(correct_rules(Auto(), alone, cast, *known), cast, *known)
    for label in (0, 1):
        only_good = (votes[:, 2 * label] >= 0) & (votes[:, 2 * label + 1] < 0)
        only_poor = (votes[:, 2 * label] < 0) & (votes[:, 2 * label + 1] >= 0)
        silent = (votes[:, 2 * label : 2 * label + 2] < 0).all(axis=1)
        probs = fitted.predict_proba(votes)[:, label]
        for group in (only_good, only_poor, silent):
            assert abs(probs[group].mean() - gold[group, label].mean()) < 0.2
    without, with_gold = alone.predict_proba(votes), fitted.predict_proba(votes)
    assert np.square(with_gold - gold).mean() < 0.8 * np.square(without - gold).mean()


def test_a_class_does_not_depend_on_votes_for_others():
    votes, _ = simulated(500)
    prior = np.array([0.2, 0.3])
    both = fit_multilabel(Precision(), SparseVotes.of(votes), 2, prior).predict_proba(votes)
    one = np.where(votes == 0, votes, -1).astype(np.int16)
    alone = fit_multilabel(Precision(), SparseVotes.of(one), 2, prior).predict_proba(one)
    np.testing.assert_allclose(both[:, 0], alone[:, 0], rtol=1e-6)


def test_a_class_without_votes_is_rare_and_nothing_is_nan():
    votes = SparseVotes.of(np.array([[0, -1], [0, 0], [-1, -1]], dtype=np.int16))
    assert share_of_yes(votes, 3).tolist() == [0.5, 0.001, 0.001]
    probs = fit_multilabel(Auto(), votes, 3).predict_proba(votes)
    assert np.isfinite(probs).all() and (probs[:, 1:] < 0.1).all() and (probs[:2, 0] > 0.5).all()
