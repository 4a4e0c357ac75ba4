"""Probabilities that mean what they say, and the threshold below which a class is not named."""

from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from wsal.arrays import Classes, Probs, Weights
from wsal.classifier.head import last_layer
from wsal.labels import LabelSet

FEWEST = 20
"""Predictions of a class; with fewer, its threshold is that of all classes together."""
RANGE = (0.05, 20.0)
DOUBT = 0.7
"""Standard deviation of the prior on log(temperature): 19 of 20 lie between 1/4 and 4. Fine-tuned
networks need about 1 to 3 (Guo et al., 2017)."""


def temperature(probs: Probs, gold: Classes, weights: Weights) -> float:
    """By what logits are to be divided (Guo et al., 2017), so that the Brier score is least.

    Not log loss: a few wrong gold labels on sure texts raise it so much that all the others become
    too unsure; on real titles the calibration error was then worse than without a temperature.

    A prior holds it near 1 (`DOUBT`), since few texts can all be right by chance: then nothing
    else would keep any probability from 1. The Brier score counts as the error of a normal
    distribution; its variance is what the scores of the texts are or, if that is more, what they
    would be on average if the probabilities were right.

    >>> probs = np.array([[0.99, 0.01]] * 400, dtype=np.float32)
    >>> round(temperature(probs, np.array([0, 0, 0, 1] * 100), np.ones(400)), 1)  # right in 3 of 4
    4.0
    >>> round(temperature(probs, np.zeros(400, dtype=int), np.ones(400)), 1)  # always right
    0.7
    """
    right = np.eye(probs.shape[1])[gold]

    def score(log_t: float) -> float:
        apart = ((tempered(probs, np.exp(log_t)) - right) ** 2).sum(axis=1)
        return float(np.average(apart, weights=weights))

    expected = np.average((probs * (1.0 - probs)).sum(axis=1), weights=weights)
    spread = max(score(0.0), float(expected), 1e-6)

    n_alike = weights.sum() ** 2 / (weights**2).sum()  # texts of equal weight that tell as much

    def cost(log_t: float) -> float:
        return float(n_alike) * score(log_t) / (2 * spread) + (log_t / DOUBT) ** 2 / 2

    best = minimize_scalar(cost, bounds=np.log(RANGE), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x)) if best.fun < cost(0.0) else 1.0


def tempered(probs: Probs, by: float) -> Probs:
    """The probabilities once the logits are divided by `by`.

    >>> tempered(np.array([[0.8, 0.2]], dtype=np.float32), 2.0).round(3).tolist()
    [[0.6669999957084656, 0.3330000042915344]]
    """
    logs = np.log(np.clip(probs.astype(np.float64), 1e-30, 1)) / by
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    found: Probs = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def fold(model: Any, by: float) -> None:  # noqa: ANN401  a model of transformers
    """Divide the logits by `by` inside the last layer, so that every runtime is calibrated.

    Raises:
        ConfigError: the model's last layer is not linear.
    """
    layer = last_layer(model)
    with torch.no_grad():
        for values in layer.parameters():
            values.div_(by)


def thresholds(
    probs: Probs, gold: Classes, weights: Weights, labels: LabelSet, precision: float
) -> dict[str, dict[str, float | int | None]]:
    """For each class the least probability from which on it is right often enough.

    `threshold` is the least one such that the predictions of the class at or above it have the
    wanted precision (`precision` is what they have, `n` how many rows they are); None: the class
    never reaches it, and should not be named. A class predicted less than 20 times has the
    threshold of all classes together, and an `n` of its own.
    """
    said, sure = probs.argmax(axis=1), probs.max(axis=1)
    right = said == gold
    overall = _threshold(sure, right, weights, precision)
    found = {}
    for number, name in enumerate(labels.names):
        mine = said == number
        least = overall
        if mine.sum() >= FEWEST:
            least = _threshold(sure[mine], right[mine], weights[mine], precision)
        kept = mine & (sure >= (np.inf if least is None else least))
        n = weights[kept].sum()
        found[name] = {
            "threshold": least,
            "precision": float(weights[kept & right].sum() / n) if n else None,
            "n": int(kept.sum()),
        }
    return found


def _threshold(
    sure: np.ndarray, right: np.ndarray, weights: Weights, precision: float
) -> float | None:
    """The least probability at which all at or above it are right in this share of the weight."""
    order = np.argsort(-sure, kind="stable")
    of_right = np.divide(np.cumsum((right * weights)[order]), np.cumsum(weights[order]))
    ends = np.append(sure[order][1:] < sure[order][:-1], True)  # ties stand or fall together
    good = np.flatnonzero(ends & (of_right >= precision))
    return float(sure[order][good[-1]]) if len(good) else None
