"""Semi-supervised naive Bayes: the class of each text, estimated from a few labels and seeds."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import softmax

from wsal.arrays import Classes

ROUNDS = 10
UNLABELLED = 0.1  # weight of a text without gold, lambda of Nigam et al. (2000), section 5.3.1


@dataclass(frozen=True)
class NaiveBayes:
    """A fitted model and what it says of the texts, in natural logarithms."""

    scores: np.ndarray
    """`(texts, classes)`: log probabilities, up to a constant for each text."""
    weights: np.ndarray
    """`(terms, classes)`: log probability of a term in a class."""
    prior: np.ndarray
    """`(classes,)`: shares of the classes."""


def fit_naive_bayes(term_matrix: sparse.csr_array, seeds: np.ndarray, gold: Classes) -> NaiveBayes:
    """Naive Bayes by expectation maximisation from seeds and gold (Nigam et al., 2000).

    Args:
        term_matrix: which terms are in which texts `(texts, terms)`, 1 or 0.
        seeds: a first guess `(texts, classes)`; a row of zeros where there is none.
        gold: `(texts,)`, -1 where unknown. Texts with gold keep it throughout.

    >>> matrix = sparse.csr_array(np.array([[1, 0], [1, 1], [0, 1], [0, 1]], dtype=np.float32))
    >>> seeds = np.zeros((4, 2), dtype=np.float32)
    >>> fit_naive_bayes(matrix, seeds, np.array([0, -1, 1, -1])).scores.argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    labelled = np.flatnonzero(gold >= 0)
    weight = np.full((len(gold), 1), UNLABELLED, dtype=np.float32)
    weight[labelled] = 1
    n_texts = np.asarray(term_matrix.sum(axis=0)).ravel()
    mean = n_texts.sum() / max(len(n_texts), 1)
    smoothing = (0.05 * n_texts / max(mean, 1e-9))[:, None].astype(np.float32)
    probs = seeds.astype(np.float32)
    probs[labelled] = np.eye(seeds.shape[1], dtype=np.float32)[gold[labelled]]
    gold_probs = probs[labelled]
    model = _fit(term_matrix, probs * weight, smoothing)
    for _ in range(ROUNDS - 1):
        probs = softmax(model.scores, axis=1)
        probs[labelled] = gold_probs
        model = _fit(term_matrix, probs * weight, smoothing)
    return model


def _fit(term_matrix: sparse.csr_array, weighted: np.ndarray, smoothing: np.ndarray) -> NaiveBayes:
    """Naive Bayes from how much each text counts for each class `(texts, classes)`."""
    counts = term_matrix.T @ weighted + smoothing
    weights = np.log(counts / counts.sum(axis=0))
    mass = weighted.sum(axis=0) + 1
    return NaiveBayes(term_matrix @ weights + np.log(mass), weights, mass / mass.sum())
