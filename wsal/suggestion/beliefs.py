"""What class each text seems to be of, from a few seeds: semi-supervised naive Bayes."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import softmax

from wsal.arrays import Classes

ROUNDS = 10
UNLABELLED = 0.1  # weight of a text without gold, lambda of Nigam et al. (2000), section 5.3.1


@dataclass(frozen=True)
class Beliefs:
    """What naive Bayes makes of the texts, in natural logarithms."""

    scores: np.ndarray
    """`(texts, classes)`, up to a constant a text."""
    weights: np.ndarray
    """`(terms, classes)`: log probability of a term in a class."""
    prior: np.ndarray
    """`(classes,)`: shares of the classes."""


def believe(found: sparse.csr_array, seeds: np.ndarray, gold: Classes) -> Beliefs:
    """Naive Bayes by expectation maximisation (Nigam et al., 2000) from seeds and gold.

    Args:
        found: which terms are in which texts `(texts, terms)`.
        seeds: a first guess `(texts, classes)`; a row of zeros where there is none.
        gold: `(texts,)`, -1 where unknown. Texts with gold keep it throughout.

    >>> found = sparse.csr_array(np.array([[1, 0], [1, 1], [0, 1], [0, 1]], dtype=np.float32))
    >>> seeds = np.zeros((4, 2), dtype=np.float32)
    >>> believe(found, seeds, np.array([0, -1, 1, -1])).scores.argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    known = np.flatnonzero(gold >= 0)
    weight = np.full((len(gold), 1), UNLABELLED, dtype=np.float32)
    weight[known] = 1
    commonness = np.asarray(found.sum(axis=0)).ravel()
    smooth = (0.05 * commonness / max(commonness.mean(), 1e-9))[:, None].astype(np.float32)
    probs = seeds.astype(np.float32)
    probs[known] = np.eye(seeds.shape[1], dtype=np.float32)[gold[known]]
    truth = probs[known]
    beliefs = _fit(found, probs * weight, smooth)
    for _ in range(ROUNDS - 1):
        probs = softmax(beliefs.scores, axis=1)
        probs[known] = truth
        beliefs = _fit(found, probs * weight, smooth)
    return beliefs


def _fit(found: sparse.csr_array, counted: np.ndarray, smooth: np.ndarray) -> Beliefs:
    """Naive Bayes from how much of each text counts for each class `(texts, classes)`."""
    counts = found.T @ counted + smooth
    weights = np.log(counts / counts.sum(axis=0))
    share = counted.sum(axis=0) + 1
    return Beliefs(found @ weights + np.log(share), weights, share / share.sum())
