"""Calibration and thresholds of yes/no decisions, one for each class."""

from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from wsal.arrays import Mask, Probs, Weights
from wsal.evaluation.multilabel import f1_thresholds
from wsal.export.calibration import MIN_PREDICTIONS, PRIOR_STD, lowest_threshold
from wsal.labels import LabelSet

BIAS_STD = 0.7
"""Standard deviation of the prior on what is added to the logits of a class: few gold texts have
it, so a class without evidence stays as it is."""
SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1, so that logits are finite
Target = Literal["f1", "precision"]


def fit_calibration(probs: Probs, gold: Mask, weights: Weights) -> tuple[float, np.ndarray]:
    """The temperature by which logits are divided, and what is then added to those of each class.

    They minimise the log loss of all decisions, with normal priors on the logarithm of the
    temperature and on each addition.

    Args:
        probs: `(texts, classes)`.
        gold: `(texts, classes)`.
        weights: `(texts,)`, how much each text counts; only their ratios matter.

    >>> probs = np.full((400, 1), 0.5)
    >>> temperature, bias = fit_calibration(probs, np.arange(400)[:, None] < 100, np.ones(400))
    >>> f"{apply_calibration(probs[:1], temperature, bias)[0, 0]:.1f}"
    '0.3'
    """
    logits = _logits(probs)
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    share = (weights / weights.sum() * n_effective)[:, None]

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        scale, bias = np.exp(-values[0]), values[1:]
        scores = scale * logits + bias
        loss = share * (np.logaddexp(0, scores) - gold * scores)
        slope = share * (expit(scores) - gold)
        prior = (values[0] / PRIOR_STD) ** 2 / 2 + (bias**2).sum() / BIAS_STD**2 / 2
        of_scale = -(slope * scale * logits).sum() + values[0] / PRIOR_STD**2
        of_bias = slope.sum(axis=0) + bias / BIAS_STD**2
        return float(loss.sum() + prior), np.concatenate([[of_scale], of_bias])

    best = minimize(cost, np.zeros(probs.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return float(np.exp(best[0])), best[1:]


def apply_calibration(probs: Probs, temperature: float, bias: np.ndarray) -> Probs:
    """The probabilities after calibration."""
    calibrated: Probs = expit(_logits(probs) / temperature + bias).astype(np.float32)
    return calibrated


def fit_thresholds(
    frame: Probs, probs: Probs, gold: Mask, weights: Weights, labels: LabelSet,
    precision: float, target: Target,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """For each class, the probability from which it is named.

    With the target `f1` it is where the expected F1 is highest, by calibrated probabilities
    (`f1_thresholds`). With `precision`, it is the lowest probability at which the class is right
    often enough on gold; None if there is none. A class that is named for fewer than
    `MIN_PREDICTIONS` gold texts gets the threshold of all classes together.

    Args:
        frame: calibrated probabilities of all texts that the gold texts were drawn from.
        probs: of the gold texts, `(texts, classes)`.
        gold: `(texts, classes)`.
        weights: `(texts,)`.
        labels: the classes.
        precision: that is wanted.
        target: what thresholds are chosen for.

    Returns:
        `threshold`, whether it is that of all classes together (`shared`), and of the gold texts at
        or above it the `precision` and the number `n`.
    """
    limits: list[float | None] = f1_thresholds(frame).tolist()
    is_shared = np.zeros(probs.shape[1], dtype=bool)
    if target == "precision":
        each = np.repeat(weights, probs.shape[1])
        overall = lowest_threshold(probs.ravel(), gold.ravel(), each, precision)
        is_shared = (probs >= 0.5).sum(axis=0) < MIN_PREDICTIONS
        limits = [
            overall
            if is_shared[c]
            else lowest_threshold(probs[:, c], gold[:, c], weights, precision)
            for c in range(probs.shape[1])
        ]
    thresholds = {}
    for c, name in enumerate(labels.names):
        limit = limits[c]
        kept = probs[:, c] >= (np.inf if limit is None else limit)
        total = weights[kept].sum()
        reached = float(weights[kept & gold[:, c]].sum() / total) if total else None
        thresholds[name] = {
            "threshold": limit,
            "shared": bool(is_shared[c]),
            "precision": reached,
            "n": int(kept.sum()),
        }
    return thresholds


def _logits(probs: Probs) -> np.ndarray:
    safe = np.clip(probs.astype(np.float64), SMALLEST, 1 - SMALLEST)
    logits: np.ndarray = logit(safe)
    return logits
