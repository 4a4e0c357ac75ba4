"""How precise each term would be as a rule, and which few of them cover most texts."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import softmax

from wsal.arrays import Classes
from wsal.rules.suggestion.beliefs import Beliefs

DOUBT = 2  # texts that the classes' shares count for in a term's precision
TRUST = 20  # gold texts that outweigh the estimate
BLOCK = 2**23  # posteriors held at once


@dataclass(frozen=True)
class Precisions:
    """Of every term: the class it speaks for, and how sure that is. All are `(terms,)`."""

    label: np.ndarray
    precision: np.ndarray
    """Estimated share of its texts that are of the class."""
    n_texts: np.ndarray
    n_gold: np.ndarray
    n_right: np.ndarray
    """Texts with gold that are of the class."""


def precisions(found: sparse.csr_array, beliefs: Beliefs, gold: Classes) -> Precisions:
    """The precision of each term: how likely its texts are of its class, the term itself left out.

    Gold texts count as what they are, and the more of them a term has, the more they decide.
    """
    by_term = found.tocsc()
    n_terms, n_classes = beliefs.weights.shape
    n_texts = np.diff(by_term.indptr)
    mass = np.empty((n_terms, n_classes))
    first = 0
    while first < n_terms:
        room = by_term.indptr[first] + BLOCK // n_classes
        last = max(int(np.searchsorted(by_term.indptr, room, side="right")) - 1, first + 1)
        cells = slice(by_term.indptr[first], by_term.indptr[last])
        rows = by_term.indices[cells]
        starts = by_term.indptr[first:last] - by_term.indptr[first]
        own = np.repeat(beliefs.weights[first:last], n_texts[first:last], axis=0)
        probs = softmax((beliefs.scores[rows] - own) / beliefs.temperature, axis=1)
        known = np.flatnonzero(gold[rows] >= 0)
        probs[known] = np.eye(n_classes)[gold[rows[known]]]
        mass[first:last] = np.add.reduceat(probs, starts, axis=0)
        first = last
    guess = (mass + DOUBT * beliefs.prior) / (n_texts[:, None] + DOUBT)
    label = guess.argmax(axis=1)
    truth = np.eye(n_classes + 1, dtype=np.float32)[gold][:, :n_classes]  # -1: a row of zeros
    counts = by_term.T @ truth
    n_gold, n_right = counts.sum(axis=1), counts[np.arange(n_terms), label]
    precision = (TRUST * guess.max(axis=1) + n_right) / (TRUST + n_gold)
    return Precisions(label, precision, n_texts, n_gold.astype(int), n_right.astype(int))


def cover(
    found: sparse.csr_array, terms: np.ndarray, precision: np.ndarray, left: np.ndarray, least: int
) -> list[int]:
    """Of `terms`, those to take, one after the other, until the next covers under `least` more.

    Greedy: always the term with the most texts, of those `left` uncovered `(texts,)`, weighed by
    how much more often than not it is right.
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
