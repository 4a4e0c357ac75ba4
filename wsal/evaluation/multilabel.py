"""How good sets of classes are: micro, macro and example F1, and mean average precision."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wsal.arrays import Classes, Mask, Probs, Weights
from wsal.labels import LabelSet

METRICS = ("micro_f1", "macro_f1", "example_f1", "map", "accuracy")
LEAST_THRESHOLD = 0.01


def f1_thresholds(probs: Probs) -> np.ndarray:
    """For each class, the threshold with the highest expected F1, `(classes,)`.

    No gold is needed: if probabilities are right, predicting the k texts with the highest ones has
    the F1 `2 (sum of the k) / (k + sum of all)`. The best threshold is half of the best F1 (Lipton
    et al., 2014), which is below 0.5 unless a class is easy.

    >>> f1_thresholds(np.array([[0.9], [0.4], [0.1]])).tolist()
    [0.4]
    """
    ordered = -np.sort(-probs.astype(np.float64), axis=0)
    hits = np.cumsum(ordered, axis=0)
    n = np.arange(1, len(ordered) + 1)[:, None]
    best = (2 * hits / np.maximum(n + hits[-1:], 1e-12)).argmax(axis=0)
    thresholds = ordered[best, np.arange(ordered.shape[1])]
    least: np.ndarray = np.maximum(thresholds, LEAST_THRESHOLD)
    return least


def evaluate_sets(
    probs: Probs, gold: Classes, weights: Weights, labels: LabelSet, thresholds: np.ndarray
) -> dict[str, Any]:
    """Quality of the classes at or above their thresholds.

    `macro_f1` and `map` (mean average precision) are means over the classes in `gold`; `example_f1`
    is a mean over texts, 1 for a text for which rightly no class is predicted; `accuracy` is the
    share of texts whose set is exactly right. `log_loss` is the mean over all decisions, in nats.

    Args:
        probs: `(texts, classes)`.
        gold: `(texts, classes)` of 0 and 1.
        weights: `(texts,)`, how many rows of the source each text stands for.
        labels: the classes.
        thresholds: `(classes,)`.
    """
    predicted, is_gold = probs >= thresholds, np.asarray(gold, dtype=bool)
    tp, n_predicted, n_gold = counts_of(predicted, is_gold, weights)
    present = np.flatnonzero(n_gold > 0)
    f1 = 2 * tp / np.maximum(n_predicted + n_gold, 1e-12)
    average = {int(c): average_precision(probs[:, c], is_gold[:, c], weights) for c in present}
    return {
        "n_texts": int(weights.sum()),
        "micro_f1": float(2 * tp.sum() / max((n_predicted + n_gold).sum(), 1e-12)),
        "macro_f1": float(f1[present].mean()) if len(present) else 0.0,
        "example_f1": float(np.average(example_f1(predicted, is_gold), weights=weights)),
        "map": float(np.mean([*average.values()])) if average else 0.0,
        "accuracy": float(np.average((predicted == is_gold).all(axis=1), weights=weights)),
        "log_loss": float(np.average(losses_of_sets(probs, is_gold), weights=weights)),
        "calibration_error": decisions_error(probs, is_gold, weights),
        "classes": {
            labels.names[c]: {
                "precision": float(tp[c] / n_predicted[c]) if n_predicted[c] else 0.0,
                "recall": float(tp[c] / n_gold[c]),
                "f1": float(f1[c]),
                "average_precision": average[int(c)],
                "n": int(n_gold[c]),
            }
            for c in present
        },
    }


def losses_of_sets(probs: Probs, gold: Classes) -> np.ndarray:
    """`(texts,)`: the mean of -log P(truth) over the decisions on each text, in nats.

    >>> losses_of_sets(np.array([[0.5, 1.0]]), np.array([[0, 1]])).round(3).tolist()
    [0.347]
    """
    safe = np.clip(probs.astype(np.float64), 1e-12, 1 - 1e-12)
    losses: np.ndarray = -np.log(np.where(gold, safe, 1 - safe)).mean(axis=1)
    return losses


def counts_of(
    predicted: Mask, gold: Mask, weights: Weights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each class: true positives, predictions, and texts that have it, `(classes,)`."""
    return weights @ (predicted & gold), weights @ predicted, weights @ gold


def example_f1(predicted: Mask, gold: Mask) -> np.ndarray:
    """`(texts,)`: the F1 of each text's set of classes; 1 if both sets are empty.

    >>> example_f1(np.array([[True, True], [False, False]]), np.array([[True, False]] * 2)).tolist()
    [0.6666666666666666, 0.0]
    """
    n = predicted.sum(axis=1) + gold.sum(axis=1)
    f1: np.ndarray = np.where(n == 0, 1.0, 2 * (predicted & gold).sum(axis=1) / np.maximum(n, 1))
    return f1


def average_precision(scores: np.ndarray, gold: np.ndarray, weights: Weights) -> float:
    """Average precision of a class, in [0, 1]; 0 if no text has it."""
    if not gold.any():
        return 0.0
    from sklearn.metrics import average_precision_score  # noqa: PLC0415  takes a second

    return float(average_precision_score(gold, scores, sample_weight=weights))


def decisions_error(probs: Probs, gold: Mask, weights: Weights, n_bins: int = 15) -> float:
    """Expected calibration error of all yes/no decisions together, in [0, 1]."""
    bins = np.minimum((probs * n_bins).astype(int), n_bins - 1).ravel()
    each = np.repeat(weights, probs.shape[1])
    gaps = np.bincount(bins, each * (gold.ravel() - probs.ravel().astype(np.float64)), n_bins)
    return float(np.abs(gaps).sum() / max(each.sum(), 1e-12))


def names_above(
    probs: np.ndarray, thresholds: np.ndarray, names: Sequence[str]
) -> list[tuple[str, float]]:
    """The classes of a text at or above their thresholds, the likeliest first."""
    above = np.flatnonzero(probs >= thresholds)
    order = above[np.argsort(-probs[above], kind="stable")]
    return [(names[c], float(probs[c])) for c in order]
