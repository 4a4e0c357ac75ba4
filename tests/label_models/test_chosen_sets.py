"""Gold sets of hard texts correct rules, and do not make every class likelier everywhere."""

import numpy as np
import pytest

from wsal.evaluation.multilabel import losses_of_sets
from wsal.label_models.auto import Auto
from wsal.label_models.majority import Majority
from wsal.label_models.multilabel import fit_multilabel
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.reweighing import RandomGold, reweigh_sets

N_CLASSES = 4
NO_RANDOM_GOLD = RandomGold("none", SparseVotes.of(np.empty((0, 8))), np.empty((0, N_CLASSES)))


def hard_texts(seed, n=4_000):
    """Votes, gold sets, and how hard each text is, which the votes do not show.

    The rules find a class less often on a hard text, and hard texts have more classes. Each class
    has a good rule and a poor one, which fires on one text in twenty without the class.
    """
    rng = np.random.default_rng(seed)
    hardness = rng.random(n)
    gold = (rng.random((n, N_CLASSES)) < 0.05 + 0.3 * hardness[:, None] ** 3).astype(int)
    votes = np.full((n, 2 * N_CLASSES), -1, dtype=np.int16)
    for rule in range(2 * N_CLASSES):
        label = rule % N_CLASSES
        false = 0.002 if rule < N_CLASSES else 0.05
        chance = np.where(gold[:, label], 0.8 - 0.5 * hardness, false)
        votes[rng.random(n) < chance, rule] = label
    return votes, gold, hardness


def hardest(hardness, n=150):
    """The rows that a strategy would choose."""
    return np.argsort(-hardness)[:n]


def reweighed(votes, gold, rows, random_gold=NO_RANDOM_GOLD, model=None):
    """`reweigh_sets` with gold in these rows."""
    cast = SparseVotes.of(votes)
    return reweigh_sets(model or Auto(), cast, N_CLASSES, None, rows, gold[rows], random_gold)


def drawn(votes, gold, n, seed):
    """Gold of random texts."""
    rows = np.random.default_rng([seed, n]).choice(len(votes), n, replace=False)
    return RandomGold.of_covered("random texts", SparseVotes.of(votes[rows]), gold[rows])


@pytest.mark.parametrize("seed", range(4))
def test_gold_of_hard_texts_does_not_raise_the_level_of_the_others(seed):
    votes, gold, hardness = hard_texts(seed)
    rows = hardest(hardness)
    assert gold[rows].mean() > 2 * gold.mean()
    others = (hardness < 0.7) & (votes >= 0).any(axis=1)
    result = reweighed(votes, gold, rows)
    before, after = (
        model.predict_proba(votes)[others] for model in (result.without_gold, result.fitted)
    )
    silent = np.ones(before.shape, dtype=bool)
    np.put_along_axis(silent, np.maximum(votes[others], 0), False, axis=1)
    assert after[silent].mean() < before[silent].mean() + 0.002
    assert after.sum(axis=1).mean() < before.sum(axis=1).mean() + 0.01
    assert losses_of_sets(after, gold[others]).mean() < losses_of_sets(before, gold[others]).mean()


@pytest.mark.parametrize("seed", range(3))
def test_chosen_gold_tells_poor_rules_from_good_ones_and_leaves_silence(seed):
    votes, gold, hardness = hard_texts(seed)
    result = reweighed(votes, gold, hardest(hardness, 400))
    fell = []
    for before, after in zip(result.without_gold.models, result.fitted.models, strict=True):
        assert after.precision[-1] == pytest.approx(before.precision[-1])
        fell.append((before.precision - after.precision)[:-1, 1])
    own = np.array([fell[rule % N_CLASSES][rule] for rule in range(2 * N_CLASSES)])
    assert own[N_CLASSES:].mean() > own[:N_CLASSES].mean() + 0.05


@pytest.mark.parametrize("seed", range(3))
def test_random_gold_allows_the_shift_where_silence_is_often_wrong(seed):
    rng = np.random.default_rng(seed)
    gold = (rng.random((4_000, N_CLASSES)) < 0.4).astype(int)
    votes = np.where(gold & (rng.random(gold.shape) < 0.3), np.arange(N_CLASSES), -1)
    rows = np.arange(150)
    result = reweighed(votes, gold, rows, drawn(votes, gold, 150, seed))
    alone = reweighed(votes, gold, rows)
    assert result.fitted.shift is not None and alone.fitted.shift is None
    assert result.gold_used and "random texts" in result.checked
    is_yes = votes == np.arange(N_CLASSES)
    before, after = (each.fitted.predict_proba(votes)[~is_yes].mean() for each in (alone, result))
    truth = gold[~is_yes].mean()
    assert abs(after - truth) < 0.5 * abs(before - truth)


@pytest.mark.parametrize("seed", range(3))
def test_random_gold_refuses_gold_that_holds_nowhere_else(seed):
    """Half of the chosen texts have all classes, though no rule finds any of them."""
    votes, gold, _ = hard_texts(seed)
    rows = np.flatnonzero((votes < 0).all(axis=1))[:150]
    strange = gold.copy()
    strange[rows[::2]] = 1
    result = reweighed(votes, strange, rows, drawn(votes, gold, 300, seed))
    assert result.fitted.shift is None


def test_other_models_are_used_as_they_are_unless_random_gold_allows_a_shift():
    votes, gold, hardness = hard_texts(0)
    rows = hardest(hardness)
    alone = reweighed(votes, gold, rows, model=Majority())
    before = fit_multilabel(Majority(), SparseVotes.of(votes), N_CLASSES).predict_proba(votes)
    np.testing.assert_array_equal(alone.fitted.predict_proba(votes), before)
    random_gold = drawn(votes, gold, 300, 0)
    checked = reweighed(votes, gold, rows, random_gold, Majority())
    assert checked.fitted.shift is not None
    losses = [
        losses_of_sets(model.predict_proba(votes), gold).mean()
        for model in (checked.without_gold, checked.fitted)
    ]
    assert losses[1] < losses[0] - 0.05
