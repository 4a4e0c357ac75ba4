"""A frame, a classifier and a language model whose truth is known."""

import numpy as np
from sklearn.metrics import f1_score

from wsal.evaluation.sample import Auxiliary, Sample
from wsal.evaluation.sampling import NO_ROWS, strata, top_up


def world(seed=0, n=5_000, c=10, signal=5.5, sharpen=2.8):
    """A frame and a classifier that is right on about .88 of it and believes to be better."""
    rng = np.random.default_rng(seed)
    prior = 1 / np.arange(1, c + 1)
    gold = rng.choice(c, size=n, p=prior / prior.sum())
    logits = rng.normal(size=(n, c))
    logits[np.arange(n), gold] += (
        signal * rng.gamma(2.0, 0.5, size=n) * rng.uniform(0.6, 1.4, c)[gold]
    )
    odds = np.exp(sharpen * (logits - logits.max(axis=1, keepdims=True)))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), gold


def true_f1(probs, gold):
    return f1_score(gold, probs.argmax(axis=1), average="macro", zero_division=0)


def drawn(probs, gold, n, seed, most=30, auxiliary=None):
    stratum = strata(probs, most)
    first = NO_ROWS if auxiliary is None else np.flatnonzero(auxiliary.asked)
    rows = top_up(stratum, probs, n, NO_ROWS, np.random.default_rng(seed), first)
    return Sample(rows, gold[rows], stratum, auxiliary=auxiliary)


def answers(kind, probs, gold, share, seed):
    """What a language model answers to a random share of the frame; it claims .9 everywhere.

    `good` is right on .9; `bad` on .4; `alike` names what the classifier predicts, except that it
    is right on one in ten of the texts that the classifier is wrong on. A few answers are missing.
    """
    rng = np.random.default_rng([seed, 7])
    n, c = probs.shape
    right = {"good": rng.random(n) < 0.9, "bad": rng.random(n) < 0.4, "alike": rng.random(n) < 0.1}
    other = probs.argmax(axis=1) if kind == "alike" else (gold + rng.integers(1, c, n)) % c
    said = np.where(right[kind], gold, other)
    asked = rng.random(n) < share
    said[~asked | (rng.random(n) < 0.03)] = -1
    return Auxiliary(asked, said, np.full(n, 0.9))
