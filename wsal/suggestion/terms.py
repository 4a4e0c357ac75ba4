"""How precise each term would be as a rule, and which few of them cover most texts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit, softmax

from wsal.arrays import Classes
from wsal.suggestion.beliefs import Beliefs, believe

DOUBT = 2  # texts that the classes' shares count for in a term's precision
TRUST = 20  # gold texts that outweigh the estimate
ENOUGH = 30  # gold texts from which estimates can be held against the truth
FOLDS = 5
TAME = 2.0  # how firmly the correction of estimates is held to none
BLOCK = 2**23  # posteriors held at once


@dataclass(frozen=True)
class JudgedTerms:
    """Of every term: the class it speaks for, and how sure that is. Arrays are `(terms,)`."""

    label: np.ndarray
    precision: np.ndarray
    """Estimated share of its texts that are of the class."""
    n_texts: np.ndarray
    n_gold: np.ndarray
    n_right: np.ndarray
    """Texts with gold that are of the class."""
    held_out: float | None = None
    """Share of gold texts that were guessed right unseen; None: too few to correct estimates by."""


def judge(
    found: sparse.csr_array, gold: Classes, seed: Callable[[Classes], np.ndarray], least: int
) -> JudgedTerms:
    """The class and the precision of each term, held against gold texts the fit was not shown.

    On five folds, each gold text says of every term in it whether the term was right; a logistic
    curve (Platt, 1999) then corrects the estimates. With less than 30 gold texts nothing is
    corrected.

    Args:
        found: which terms are in which texts `(texts, terms)`.
        gold: `(texts,)`, -1 where unknown.
        seed: makes a first guess `(texts, classes)` from the gold that it is shown.
        least: texts that a term needs to be judged by.
    """
    judged = estimate(found, believe(found, seed(gold), gold), gold)
    known = np.flatnonzero(gold >= 0)
    precision, held_out = judged.precision, None
    if len(known) >= ENOUGH:
        slope, shift, held_out = _corrected(found, gold, seed, least)
        precision = expit(slope * _logit(precision) + shift)
    by_gold = (TRUST * precision + judged.n_right) / (TRUST + judged.n_gold)
    return replace(judged, precision=by_gold, held_out=held_out)


def estimate(found: sparse.csr_array, beliefs: Beliefs, gold: Classes) -> JudgedTerms:
    """The precision of each term: how likely its texts are of its class, the term itself left out.

    Gold texts count as what they are.
    """
    by_term = found.tocsc()
    n_terms, n_classes = beliefs.weights.shape
    starts, n_texts = by_term.indptr, np.diff(by_term.indptr)
    mass = np.empty((n_terms, n_classes))
    truth = np.eye(n_classes + 1)[gold][:, :n_classes]  # -1: a row of zeros
    first = 0
    while first < n_terms:
        room = starts[first] + BLOCK // n_classes
        last = max(int(np.searchsorted(starts, room, side="right")) - 1, first + 1)
        rows = by_term.indices[starts[first] : starts[last]]
        own = np.repeat(beliefs.weights[first:last], n_texts[first:last], axis=0)
        probs = softmax(beliefs.scores[rows] - own, axis=1)
        known = gold[rows] >= 0
        probs[known] = truth[rows[known]]
        mass[first:last] = np.add.reduceat(probs, starts[first:last] - starts[first], axis=0)
        first = last
    guess = (mass + DOUBT * beliefs.prior) / (n_texts[:, None] + DOUBT)
    label = guess.argmax(axis=1)
    counts = by_term.T @ truth
    n_gold, n_right = counts.sum(axis=1), counts[np.arange(n_terms), label]
    return JudgedTerms(label, guess.max(axis=1), n_texts, n_gold.astype(int), n_right.astype(int))


def cover(
    found: sparse.csr_array, terms: np.ndarray, precision: np.ndarray, left: np.ndarray, least: int
) -> list[int]:
    """Of `terms`, those to take, one after the other, until the next covers under `least` more.

    Greedy: always the term with the most texts, of those `left` uncovered `(texts,)`, weighed by
    how much more often than not it is right.

    >>> found = sparse.csr_array(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> cover(found, np.arange(3), np.array([0.9, 0.9, 0.8]), np.ones(4, dtype=bool), least=1)
    [0, 2]
    """
    some = found[:, terms].tocsc()
    left = left.astype(np.float32)
    worth = precision[terms] - 0.5
    taken = []
    while len(terms):
        gain = some.T @ left
        best = int(np.argmax(np.where(gain >= least, gain * worth, -np.inf)))
        if gain[best] < least:
            break
        taken.append(int(terms[best]))
        left[some.indices[some.indptr[best] : some.indptr[best + 1]]] = 0
    return taken


def _corrected(
    found: sparse.csr_array, gold: Classes, seed: Callable[[Classes], np.ndarray], least: int
) -> tuple[float, float, float]:
    """Slope and shift of the curve, and the accuracy of the guesses, on gold held out in turn."""
    known = np.flatnonzero(gold >= 0)
    right, estimates, outcomes, weights = [], [], [], []
    for fold in range(FOLDS):
        held = known[fold::FOLDS]
        shown = gold.copy()
        shown[held] = -1
        beliefs = believe(found, seed(shown), shown)
        judged = estimate(found, beliefs, shown)
        right.append(beliefs.scores[held].argmax(axis=1) == gold[held])
        cells = found[held].tocoo()
        fit = (judged.n_texts[cells.col] >= least) & (judged.precision[cells.col] >= 0.5)
        text, term = cells.row[fit], cells.col[fit]
        estimates.append(judged.precision[term])
        outcomes.append(judged.label[term] == gold[held][text])
        weights.append(1 / np.bincount(text, minlength=len(held))[text])  # each text counts once
    odds, weight = _logit(np.concatenate(estimates)), np.concatenate(weights)
    sign = np.where(np.concatenate(outcomes), 1, -1)

    def loss(curve: np.ndarray) -> float:
        slope, shift = curve
        fit = (weight * log_expit(sign * (slope * odds + shift))).sum()
        return float(TAME * ((slope - 1) ** 2 + shift**2) - fit)

    slope, shift = minimize(loss, [1.0, 0.0]).x
    return float(slope), float(shift), float(np.concatenate(right).mean())


def _logit(share: np.ndarray) -> np.ndarray:
    odds: np.ndarray = logit(np.clip(share, 0.001, 0.995))
    return odds
