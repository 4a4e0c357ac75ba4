"""Accuracy and macro-F1 on the evaluation frame from few labels: difference estimators."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wsal.arrays import Classes, Probs, Rows
from wsal.evaluation.auxiliary import Expected, expect, mean
from wsal.evaluation.bootstrap import Statistic, bootstrap
from wsal.evaluation.sample import Sample


@dataclass(frozen=True)
class Estimate:
    """An estimate, the ends of its interval, and its variance over samples."""

    value: float
    low: float
    high: float
    variance: float


def accuracy(
    sample: Sample, probs: Probs, rng: np.random.Generator, level: float = 0.9
) -> Estimate:
    """Accuracy on the frame, in [0, 1]: the mean confidence, corrected by the labels.

    This is the difference estimator (prediction-powered inference, Angelopoulos et al., 2023). It
    is unbiased however wrong the confidences are, and varies less the closer they are to the truth.
    Answers of a language model (`Sample.auxiliary`) bring them closer to it. If the whole frame is
    labelled, it is the plain accuracy.

    Args:
        sample: the labelled texts.
        probs: `(frame, classes)`, of the classifier to measure; the strata may be by another one.
        rng: for the bootstrap.
        level: of the interval, in (0, 1).
    """
    expected = expect(sample, probs)
    return estimate_of(sample, expected, _accuracy(sample, expected), rng, level, least=0)


def macro_f1(
    sample: Sample, probs: Probs, rng: np.random.Generator, level: float = 0.9
) -> Estimate:
    """Macro-F1 on the frame, in [0, 1], over the classes that it seems to have.

    True positives and gold of each class are estimated as sums of the expected probabilities,
    corrected by the labels; the number of its predictions is known. A class counts if it occurs in
    the sample, or if the probabilities of the other texts for it sum to at least 1. As a ratio of
    sums, the estimate is biased in small samples; the bias is estimated by the bootstrap (Efron,
    1979) and subtracted. If the whole frame is labelled, it is the plain macro-F1.

    The arguments are those of `accuracy`.
    """
    expected = expect(sample, probs)
    statistic = _macro_f1(sample, expected)
    return estimate_of(sample, expected, statistic, rng, level, least=0, curved=True)


def gain(
    sample: Sample,
    before: Probs,
    after: Probs,
    metric: Literal["accuracy", "macro_f1"],
    rng: np.random.Generator,
    level: float = 0.9,
) -> Estimate:
    """How much better `after` is than `before`, in [-1, 1], both measured on the same labels."""
    of_metric = _accuracy if metric == "accuracy" else _macro_f1
    both = expect(sample, before), expect(sample, after)
    first, second = (of_metric(sample, expected) for expected in both)

    def difference(*drawn: Any) -> np.ndarray:  # noqa: ANN401
        return second(*drawn) - first(*drawn)

    curved = metric == "macro_f1"
    return estimate_of(sample, mean(*both), difference, rng, level, least=-1, curved=curved)


def _accuracy(sample: Sample, expected: Expected) -> Statistic:
    predicted, right = expected.predicted, expected.right
    share = sample.n_copies / sample.n_copies.sum()
    by_classifier = share @ expected.right_by_classifier
    added = (share * (right - expected.right_by_classifier))[sample.asked]

    def statistic(rows: Rows, gold: Classes, weights: np.ndarray, asked: np.ndarray) -> np.ndarray:
        residual = share[rows] * ((predicted[rows] == gold) - right[rows])
        value: np.ndarray = by_classifier + asked @ added + weights @ residual
        return value

    return statistic


def _macro_f1(sample: Sample, expected: Expected) -> Statistic:
    predicted, probs, n_copies = expected.predicted, expected.probs, sample.n_copies
    one_hot = np.eye(probs.shape[1] + 1, probs.shape[1])  # the last row: a text of no class
    n_predicted = np.bincount(predicted, n_copies, probs.shape[1])
    n_gold_expected = n_copies @ expected.classifier.astype(np.float64)
    n_right = n_copies * expected.right_by_classifier
    n_true_expected = np.bincount(predicted, n_right, probs.shape[1])
    unlabelled = (n_copies > 0) @ probs.astype(np.float64) - probs[sample.rows].sum(axis=0)
    present = (np.bincount(sample.gold, minlength=len(one_hot)) > 0)[:-1]
    present |= unlabelled >= 1
    among = sample.asked
    added = n_copies[among, None] * (probs[among] - expected.classifier[among])

    def statistic(rows: Rows, gold: Classes, weights: np.ndarray, asked: np.ndarray) -> np.ndarray:
        residual = n_copies[rows, None] * (one_hot[gold] - probs[rows])
        n_true = n_true_expected + asked @ (added * one_hot[predicted[among]])
        true = np.maximum(n_true + weights @ (residual * one_hot[predicted[rows]]), 0)
        # Gold is raised to `true`; lowering `true` to `n_predicted` would bias rare classes down.
        n_gold = np.maximum(n_gold_expected + asked @ added + weights @ residual, true)
        f1 = 2 * true / np.maximum(n_predicted + n_gold, 1)
        mean_f1: np.ndarray = f1[..., present].mean(axis=-1)
        return mean_f1

    return statistic


def estimate_of(
    sample: Sample,
    expected: Expected,
    statistic: Statistic,
    rng: np.random.Generator,
    level: float,
    least: float,
    *,
    curved: bool = False,
) -> Estimate:
    """The statistic with its interval, clipped to [least, 1].

    If it is `curved`, that is, not linear in the weights, its bias is subtracted.
    """
    asked = sample.asked_weights[None]
    value = statistic(sample.rows, sample.gold, sample.weights[None], asked)[0]
    draws, centre = bootstrap(sample, expected, statistic, rng)
    if curved:  # only the part of the frame without labels is uncertain
        value -= (draws.mean() - centre) * (1 - len(sample.rows) / len(sample.stratum))
    low, high = value + np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2]) - draws.mean()
    value, low, high = np.clip([value, low, high], least, 1)
    return Estimate(float(value), float(low), float(high), float(draws.var()))
