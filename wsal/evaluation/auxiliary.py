"""The class of each text of the frame, as expected from a classifier and a language model."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from wsal.arrays import Classes, Probs, Rows
from wsal.evaluation.sample import Auxiliary, Sample

POWERS = (0.0, 0.5, 1.0)  # of the classifier's probabilities
STRENGTHS = (0.5, 1.0)  # of the language model's odds
MOST_SURE = 0.98  # more confidence than this counts as this
LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Expected:
    """What is expected of the frame before anybody labels it."""

    predicted: Classes  # (frame,): the classifier's predictions, which are measured
    classifier: Probs  # (frame, classes): of each class to be the gold one, by the classifier alone
    probs: Probs  # (frame, classes): the same, and by the language model where it was asked

    @property
    def right(self) -> np.ndarray:
        """The probability that each prediction is right, `(frame,)`."""
        return _of(self.probs, self.predicted)

    @property
    def right_by_classifier(self) -> np.ndarray:
        """The same, by the classifier alone, `(frame,)`."""
        return _of(self.classifier, self.predicted)


def expect(sample: Sample, probs: Probs) -> Expected:
    """The classifier's predictions, and the probabilities that the estimators correct.

    Those of a text that the language model answered are, up to a factor, `share * (classifier /
    share) ** power * (answer / share) ** strength`, where `share` are the shares of the classes in
    the frame, and `answer` is the confidence in the answered class, and the rest in proportion to
    the shares. If both were calibrated and erred independently, the exponents would be 1. They are
    chosen by the Brier score of the labelled texts (power tuning, as in PPI++; Angelopoulos et al.,
    2023). So a language model that is often wrong, or wrong where the classifier is, counts for
    little or nothing.

    Args:
        sample: the labelled texts.
        probs: `(frame, classes)`, of the classifier.
    """
    predicted, auxiliary = probs.argmax(axis=1), sample.auxiliary
    if auxiliary is None or (exponents := _tuned(sample, auxiliary, probs)) is None:
        return Expected(predicted, probs, probs)
    rows = np.flatnonzero(auxiliary.answers >= 0)
    both = probs.copy()
    both[rows] = _combined(probs, auxiliary, rows, *exponents)
    return Expected(predicted, probs, both)


def mean(first: Expected, second: Expected) -> Expected:
    """What is expected by two classifiers on average."""
    classifier = 0.5 * (first.classifier + second.classifier)
    probs = 0.5 * (first.probs + second.probs)
    return Expected(
        classifier.argmax(axis=1), classifier.astype(np.float32), probs.astype(np.float32)
    )


def _tuned(sample: Sample, auxiliary: Auxiliary, probs: Probs) -> tuple[float, float] | None:
    """The best power and strength; None if the classifier's probabilities alone are as good."""
    inside = (auxiliary.answers[sample.rows] >= 0) & (sample.gold < probs.shape[1])
    rows, gold = sample.rows[inside], sample.gold[inside]
    weights = (sample.weights * sample.n_copies[sample.rows])[inside]

    def brier(distributions: Probs) -> float:
        """The Brier score, without what does not depend on the distributions."""
        scores = (distributions**2).sum(axis=1) - 2 * _of(distributions, gold)
        return float(weights @ scores)

    def score(exponents: tuple[float, float]) -> float:
        return brier(_combined(probs, auxiliary, rows, *exponents))

    best = min(product(POWERS, STRENGTHS), key=score)
    return best if score(best) < brier(probs[rows]) else None


def _combined(
    probs: Probs, auxiliary: Auxiliary, rows: Rows, power: float, strength: float
) -> Probs:
    """The distributions of answered texts, `(rows, classes)`."""
    shares = np.clip(probs.mean(axis=0, dtype=np.float64), LEAST_SHARE, 1 - LEAST_SHARE)
    answers = auxiliary.answers[rows]
    sure = np.clip(auxiliary.confidence[rows], shares[answers], MOST_SURE)
    logits = power * np.log(np.maximum(probs[rows], LEAST_SHARE)) + (1 - power) * np.log(shares)
    odds = np.log(sure / (1 - sure)) - np.log(shares / (1 - shares))[answers]
    logits[np.arange(len(rows)), answers] += strength * odds
    odds_of_classes = np.exp(logits - logits.max(axis=1, keepdims=True))
    combined: Probs = odds_of_classes / odds_of_classes.sum(axis=1, keepdims=True)
    return combined.astype(np.float32)


def _of(distributions: Probs, classes: Classes) -> np.ndarray:
    """The probability of one class in each distribution."""
    chosen: np.ndarray = distributions[np.arange(len(classes)), classes]
    return chosen.astype(np.float64)
