"""What class each text seems to be of, from a few seeds: semi-supervised naive Bayes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from wsal.arrays import Classes

ROUNDS = 10
UNLABELLED = 0.1  # weight of a text without gold, lambda of Nigam et al. (2000), section 5.3.1
ENOUGH = 30  # gold texts from which a temperature can be set
FOLDS = 5


@dataclass(frozen=True)
class Beliefs:
    """Scores of texts, to be divided by the temperature before they are probabilities."""

    scores: np.ndarray
    """`(texts, classes)`, natural logarithms."""
    weights: np.ndarray
    """`(terms, classes)`: log probability of a term in a class."""
    prior: np.ndarray
    """`(classes,)`: shares of the classes."""
    temperature: float = 1.0
    held_out: float | None = None
    """Accuracy on gold texts that the fit was not shown; None where there are too few."""


def calibrated(
    found: sparse.csr_array, gold: Classes, seed: Callable[[Classes], np.ndarray]
) -> Beliefs:
    """As `believe`, with a temperature (Guo et al., 2017) set on gold that the fit was not shown.

    `seed` makes the seeds from gold. With less than 30 gold texts the temperature stays 1.
    """
    beliefs = believe(found, seed(gold), gold)
    known = np.flatnonzero(gold >= 0)
    if len(known) < ENOUGH:
        return beliefs
    truth = gold[known]
    scores = np.empty((len(known), beliefs.scores.shape[1]))
    for fold in range(FOLDS):
        held = np.arange(len(known)) % FOLDS == fold
        shown = gold.copy()
        shown[known[held]] = -1
        scores[held] = believe(found, seed(shown), shown).scores[known[held]]

    def loss(log_temperature: float) -> float:
        judged = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(judged[np.arange(len(known)), truth].mean())

    best = minimize_scalar(loss, bounds=(-1, 5), method="bounded")
    right = float((scores.argmax(axis=1) == truth).mean())
    return replace(beliefs, temperature=float(np.exp(best.x)), held_out=right)


def believe(found: sparse.csr_array, seeds: np.ndarray, gold: Classes) -> Beliefs:
    """Naive Bayes by expectation maximisation (Nigam et al., 2000) from seeds and gold.

    Args:
        found: which terms are in which texts `(texts, terms)`.
        seeds: a first guess `(texts, classes)`; a row of zeros where there is none.
        gold: `(texts,)`, -1 where unknown. Texts with gold keep it throughout.

    >>> found = sparse.csr_array(np.array([[1, 0], [1, 1], [0, 1], [0, 1]], dtype=np.float32))
    >>> seeds = np.zeros((4, 2), dtype=np.float32)
    >>> believe(found, seeds, np.array([0, -1, 1, -1])).scores.argmax(axis=1).tolist()
    [0, 1, 1, 1]
    """
    known = np.flatnonzero(gold >= 0)
    weight = np.full((len(gold), 1), UNLABELLED, dtype=np.float32)
    weight[known] = 1
    commonness = np.asarray(found.sum(axis=0)).ravel()
    smooth = (0.05 * commonness / max(commonness.mean(), 1e-9))[:, None].astype(np.float32)
    probs = seeds.astype(np.float32)
    probs[known] = np.eye(seeds.shape[1], dtype=np.float32)[gold[known]]
    truth = probs[known]
    for _ in range(ROUNDS):
        counted = probs * weight
        counts = found.T @ counted + smooth
        weights = np.log(counts / counts.sum(axis=0))
        scores = found @ weights + np.log(counted.sum(axis=0) + 1)
        probs = softmax(scores, axis=1)
        probs[known] = truth
    return Beliefs(scores, weights, probs.mean(axis=0))
