"""Vote matrices whose truth is known; rules as people write them, and as they go wrong."""

import numpy as np


def keyword_rules(n_texts, n_classes, n_rules, hit, false, seed=0, prior=None):
    """Rules for one class each; `hit` and `false` are ranges of how often they fire, right and not.

    Rule j votes for class j % n_classes.
    """
    rng = np.random.default_rng(seed)
    truth = rng.choice(n_classes, n_texts, p=prior)
    votes = np.full((n_texts, n_rules), -1, dtype=np.int16)
    for j in range(n_rules):
        rate = np.where(truth == j % n_classes, rng.uniform(*hit), rng.uniform(*false))
        votes[rng.random(n_texts) < rate, j] = j % n_classes
    return votes, truth


def broad_rules(n_texts, n_classes, accuracy, coverage, seed=0):
    """Rules that vote for any class, right with a given chance."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, size=n_texts)
    shape = (n_texts, len(accuracy))
    wrong = (truth[:, None] + rng.integers(1, n_classes, size=shape)) % n_classes
    votes = np.where(rng.random(shape) < accuracy, truth[:, None], wrong)
    return np.where(rng.random(shape) < coverage, votes, -1).astype(np.int16), truth


def repeated(votes, times):
    """The same evidence, several times."""
    return np.concatenate([votes] * times, axis=1)


def some_gold(truth, n, seed):
    """Gold for `n` random texts, covered or not; -1 elsewhere."""
    rows = np.random.default_rng([seed, n]).choice(len(truth), n, replace=False)
    gold = np.full(len(truth), -1)
    gold[rows] = truth[rows]
    return gold


def log_loss(probs, truth):
    """Mean -log P(truth), unclipped."""
    return float(-np.log(probs[np.arange(len(truth)), truth].astype(float)).mean())


def many_classes(seed, n=6_000, n_classes=40):
    """Votes of two keyword rules for each of many classes, some of them rare, and the truth."""
    prior = np.random.default_rng(seed).dirichlet(np.full(n_classes, 0.5))
    return keyword_rules(n, n_classes, 2 * n_classes, (0.1, 0.5), (0, 0.02), seed, prior=prior)


def chosen_gold(truth, chances, n, seed):
    """`(texts,)`: the truth of `n` texts, drawn with these relative chances; elsewhere -1."""
    rows = np.random.default_rng(seed).choice(len(truth), n, False, chances / chances.sum())
    gold = np.full(len(truth), -1)
    gold[rows] = truth[rows]
    return gold
