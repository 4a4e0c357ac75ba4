"""The temperature that makes probabilities match frequencies, and thresholds to abstain below."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from wsal.arrays import Classes, Probs, Weights
from wsal.classifier.head import last_layer
from wsal.labels import LabelSet

MIN_PREDICTIONS = 20
"""Predictions that a class needs for a threshold of its own."""
TEMPERATURES = (0.05, 20.0)
PRIOR_STD = 0.7
"""Standard deviation of the prior on log(temperature): 19 of 20 lie between 1/4 and 4. Fine-tuned
networks need about 1 to 3 (Guo et al., 2017)."""


def fit_temperature(probs: Probs, gold: Classes, weights: Weights) -> float:
    """The temperature (Guo et al., 2017) by which logits have to be divided, in 0.05 to 20.

    It minimises the Brier score, not log loss: a few wrong gold labels on confident texts raise
    log loss so much that all other texts become too unsure; on real titles the calibration error
    was then worse than without a temperature.

    A prior holds it near 1 (`PRIOR_STD`), since a few texts can all be right by chance, and then
    nothing else would keep probabilities from 1. The Brier score counts as the error of a normal
    distribution. Its variance is the score of the texts or, if that is larger, the score they would
    have on average if the probabilities were right.

    Args:
        probs: `(texts, classes)`, before any temperature.
        gold: the class of each text.
        weights: how much each text counts; only their ratios matter.

    >>> probs = np.array([[0.99, 0.01]] * 400, dtype=np.float32)
    >>> three_of_four_right = np.array([0, 0, 0, 1] * 100)
    >>> round(fit_temperature(probs, three_of_four_right, np.ones(400)), 1)
    4.0
    >>> all_right = np.zeros(400, dtype=int)
    >>> round(fit_temperature(probs, all_right, np.ones(400)), 1)
    0.7
    """
    one_hot = np.eye(probs.shape[1])[gold]

    def brier(log_t: float) -> float:
        scores = ((apply_temperature(probs, np.exp(log_t)) - one_hot) ** 2).sum(axis=1)
        return float(np.average(scores, weights=weights))

    expected = np.average((probs * (1.0 - probs)).sum(axis=1), weights=weights)
    variance = max(brier(0.0), float(expected), 1e-6)
    # Kish's effective sample size: the number of texts of equal weight that carry as much evidence
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())

    def cost(log_t: float) -> float:
        return n_effective * brier(log_t) / (2 * variance) + (log_t / PRIOR_STD) ** 2 / 2

    best = minimize_scalar(
        cost, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(best.x)) if best.fun < cost(0.0) else 1.0


def apply_temperature(probs: Probs, temperature: float) -> Probs:
    """The probabilities that follow from logits divided by `temperature`.

    >>> apply_temperature(np.array([[0.8, 0.2]], dtype=np.float32), 2.0).round(3).tolist()
    [[0.6669999957084656, 0.3330000042915344]]
    """
    logits = np.log(np.clip(probs.astype(np.float64), 1e-30, 1)) / temperature
    tempered: Probs = softmax(logits, axis=1).astype(np.float32)
    return tempered


def fold_temperature(
    model: Any,  # noqa: ANN401  of transformers
    temperature: float,
    bias: np.ndarray | None = None,
) -> None:
    """Divide the weights of the last layer by the temperature, so that any runtime is calibrated.

    `bias` `(classes,)` is then added to the logits.

    Raises:
        ConfigError: the model's last layer is not linear.
    """
    layer = last_layer(model)
    with torch.no_grad():
        for weights in layer.parameters():
            weights.div_(temperature)
        if bias is not None:
            layer.bias.add_(torch.from_numpy(bias).to(layer.bias))


def fit_thresholds(
    probs: Probs, gold: Classes, weights: Weights, labels: LabelSet, precision: float
) -> dict[str, dict[str, Any]]:
    """For each class, the lowest probability at which its predictions reach `precision`.

    `threshold` is that probability, `precision` the precision of the predictions at or above it,
    `n` their number. If no probability is high enough, the threshold is None, and the class should
    not be predicted. A class with fewer than `MIN_PREDICTIONS` predictions gets the threshold of
    all classes together (`shared`), with a precision and an `n` of its own: this precision may be
    lower than the one that is wanted.
    """
    predicted, top_probs = probs.argmax(axis=1), probs.max(axis=1)
    right = predicted == gold
    overall = lowest_threshold(top_probs, right, weights, precision)
    thresholds = {}
    for number, name in enumerate(labels.names):
        own = predicted == number
        threshold, is_shared = overall, bool(own.sum() < MIN_PREDICTIONS)
        if not is_shared:
            threshold = lowest_threshold(top_probs[own], right[own], weights[own], precision)
        kept = own & (top_probs >= (np.inf if threshold is None else threshold))
        total = weights[kept].sum()
        thresholds[name] = {
            "threshold": threshold,
            "shared": is_shared,
            "precision": float(weights[kept & right].sum() / total) if total else None,
            "n": int(kept.sum()),
        }
    return thresholds


def lowest_threshold(
    top_probs: np.ndarray, right: np.ndarray, weights: Weights, precision: float
) -> float | None:
    """The lowest probability such that the predictions at or above it have this precision.

    None if there is none.
    """
    order = np.argsort(-top_probs, kind="stable")
    ordered = top_probs[order]
    precisions = np.divide(np.cumsum((right * weights)[order]), np.cumsum(weights[order]))
    last_of_tie = np.append(ordered[1:] < ordered[:-1], True)  # equal probabilities go together
    good = np.flatnonzero(last_of_tie & (precisions >= precision))
    return float(ordered[good[-1]]) if len(good) else None
