"""How precise each term would be as a rule, and which few of them cover most texts.

Terms are judged by what naive Bayes makes of their texts, the term itself left out; a logistic
curve fitted to gold that the model was not shown corrects the estimates. Correcting the texts'
probabilities instead, by a temperature, told terms apart worse: it made all of them alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit, softmax

from wsal.arrays import Classes
from wsal.suggestion.naive_bayes import NaiveBayes, fit_naive_bayes

PRIOR_TEXTS = 2  # texts that the classes' shares count for in a term's precision
TRUST = 20  # gold texts that outweigh the estimate
MIN_GOLD = 30  # gold texts from which the estimates can be compared with the truth
FOLDS = 5
CURVE_PENALTY = 2.0  # how strongly the correction of estimates is held near no correction
BLOCK = 2**23  # probabilities in memory at once

Seeds = Callable[[Classes], np.ndarray]
"""From the gold that may be seen to a first guess `(texts, classes)`."""


@dataclass(frozen=True)
class TermEstimates:
    """The class each term indicates, and how precise it is. Arrays are `(terms,)`."""

    label: np.ndarray
    precision: np.ndarray
    """Estimated share of its texts that are of the class."""
    n_texts: np.ndarray
    n_gold: np.ndarray
    """Texts with gold."""
    n_right: np.ndarray
    """Texts with gold that are of the class."""
    held_out: float | None = None
    """Accuracy of the model on held-out gold; None if there was too little to correct estimates."""


def estimate_terms(
    term_matrix: sparse.csr_array, gold: Classes, seeds: Seeds, least: int
) -> TermEstimates:
    """The class and the precision of each term, corrected by gold that the model was not shown.

    In each of five folds, the held-out gold texts show for every term in them whether it was right.
    A logistic curve (Platt, 1999) then corrects the estimates. With fewer than 30 gold texts,
    nothing is corrected.

    Args:
        term_matrix: which terms are in which texts `(texts, terms)`.
        gold: `(texts,)`, -1 where unknown.
        seeds: makes a first guess from the gold that it is shown.
        least: the number of texts a term needs to take part in the correction.
    """
    estimates = uncorrected(term_matrix, fit_naive_bayes(term_matrix, seeds(gold), gold), gold)
    precision, held_out = estimates.precision, None
    if (gold >= 0).sum() >= MIN_GOLD:
        slope, shift, held_out = _correction(term_matrix, gold, seeds, least)
        precision = expit(slope * _logit(precision) + shift)
    with_gold = (TRUST * precision + estimates.n_right) / (TRUST + estimates.n_gold)
    return replace(estimates, precision=with_gold, held_out=held_out)


def uncorrected(term_matrix: sparse.csr_array, model: NaiveBayes, gold: Classes) -> TermEstimates:
    """The mean probability of the best class over each term's texts, the term itself left out.

    Gold texts count with their gold label.
    """
    by_term = term_matrix.tocsc()
    n_terms, n_classes = model.weights.shape
    starts, n_texts = by_term.indptr, np.diff(by_term.indptr)
    mass = np.empty((n_terms, n_classes))
    one_hot_gold = np.eye(n_classes + 1)[gold][:, :n_classes]  # -1: a row of zeros
    first = 0
    while first < n_terms:
        last_cell = starts[first] + BLOCK // n_classes
        last = max(int(np.searchsorted(starts, last_cell, side="right")) - 1, first + 1)
        texts = by_term.indices[starts[first] : starts[last]]
        own_weight = np.repeat(model.weights[first:last], n_texts[first:last], axis=0)
        probs = softmax(model.scores[texts] - own_weight, axis=1)
        labelled = gold[texts] >= 0
        probs[labelled] = one_hot_gold[texts[labelled]]
        mass[first:last] = np.add.reduceat(probs, starts[first:last] - starts[first], axis=0)
        first = last
    shares = (mass + PRIOR_TEXTS * model.prior) / (n_texts[:, None] + PRIOR_TEXTS)
    label = shares.argmax(axis=1)
    gold_counts = by_term.T @ one_hot_gold
    n_gold = gold_counts.sum(axis=1).astype(int)
    n_right = gold_counts[np.arange(n_terms), label].astype(int)
    return TermEstimates(label, shares.max(axis=1), n_texts, n_gold, n_right)


def cover(
    term_matrix: sparse.csr_array,
    terms: np.ndarray,
    precision: np.ndarray,
    uncovered: np.ndarray,
    least: int,
) -> list[int]:
    """Greedily chosen `terms`, until the next one would cover fewer than `least` more texts.

    Each step takes the term that covers the most of the `uncovered` texts `(texts,)`, weighted by
    how much more often it is right than wrong.

    >>> matrix = sparse.csr_array(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> cover(matrix, np.arange(3), np.array([0.9, 0.9, 0.8]), np.ones(4, dtype=bool), least=1)
    [0, 2]
    """
    candidates = term_matrix[:, terms].tocsc()
    left = uncovered.astype(np.float32)
    worth = precision[terms] - 0.5
    chosen = []
    while len(terms):
        gain = candidates.T @ left
        best = int(np.argmax(np.where(gain >= least, gain * worth, -np.inf)))
        if gain[best] < least:
            break
        chosen.append(int(terms[best]))
        left[candidates.indices[candidates.indptr[best] : candidates.indptr[best + 1]]] = 0
    return chosen


def _correction(
    term_matrix: sparse.csr_array, gold: Classes, seeds: Seeds, least: int
) -> tuple[float, float, float]:
    """Slope and shift of the logistic curve, and the accuracy of the model, on held-out gold."""
    labelled = np.flatnonzero(gold >= 0)
    right, precisions, outcomes, weights = [], [], [], []
    for fold in range(FOLDS):
        held_out = labelled[fold::FOLDS]
        shown = gold.copy()
        shown[held_out] = -1
        model = fit_naive_bayes(term_matrix, seeds(shown), shown)
        estimates = uncorrected(term_matrix, model, shown)
        right.append(model.scores[held_out].argmax(axis=1) == gold[held_out])
        cells = term_matrix[held_out].tocoo()
        used = (estimates.n_texts[cells.col] >= least) & (estimates.precision[cells.col] >= 0.5)
        text, term = cells.row[used], cells.col[used]
        precisions.append(estimates.precision[term])
        outcomes.append(estimates.label[term] == gold[held_out][text])
        n_terms_of_text = np.bincount(text, minlength=len(held_out))
        weights.append(1 / n_terms_of_text[text])  # each text counts once
    log_odds = _logit(np.concatenate(precisions))
    weight = np.concatenate(weights)
    sign = np.where(np.concatenate(outcomes), 1, -1)

    def loss(curve: np.ndarray) -> float:
        slope, shift = curve
        log_likelihood = (weight * log_expit(sign * (slope * log_odds + shift))).sum()
        return float(CURVE_PENALTY * ((slope - 1) ** 2 + shift**2) - log_likelihood)

    slope, shift = minimize(loss, [1.0, 0.0]).x
    return float(slope), float(shift), float(np.concatenate(right).mean())


def _logit(share: np.ndarray) -> np.ndarray:
    log_odds: np.ndarray = logit(np.clip(share, 0.001, 0.995))
    return log_odds
