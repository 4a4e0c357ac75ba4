"""Accuracy, macro-F1 and calibration against gold labels."""

from typing import Any

import numpy as np

from wsal.arrays import Classes, Probs, Weights
from wsal.class_tree import ClassTree
from wsal.errors import DataError
from wsal.evaluation.tree import measure
from wsal.labels import LabelSet


def evaluate(probs: Probs, gold: Classes, weights: Weights, labels: LabelSet) -> dict[str, Any]:
    """Accuracy, macro-F1 over the classes in `gold`, log loss in nats, ECE, and a row per class.

    `weights` `(texts,)` is how many rows of the source each text stands for. With parents among the
    labels, there are also `levels` and `hierarchical` (see `wsal.evaluation.tree`), and gold
    `(texts,)` may be the code of a parent: `n_parents` such rows count only in these.

    Raises:
        DataError: no gold label is a class.

    >>> probs = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    >>> evaluate(probs, np.array([0, 1]), np.ones(2), LabelSet(("x", "y")))["macro_f1"]
    1.0
    """
    from sklearn.metrics import precision_recall_fscore_support  # noqa: PLC0415  takes a second

    of_tree: dict[str, Any] = {}
    if labels.parents:
        is_class = gold < len(labels)
        if not is_class.any():
            raise DataError(
                "no gold label is a class: all are parents in the class tree; label some texts "
                "with classes"
            )
        of_tree = measure(probs, gold, weights, ClassTree.of(labels))
        of_tree["n_parents"] = int(weights[~is_class].sum())
        probs, gold, weights = probs[is_class], gold[is_class], weights[is_class]
    predicted = probs.argmax(axis=1)
    present = np.unique(gold)
    columns = precision_recall_fscore_support(
        gold, predicted, labels=present, sample_weight=weights, zero_division=0.0
    )
    of_gold = np.clip(probs[np.arange(len(gold)), gold], 1e-12, 1)
    return {
        "n_texts": int(weights.sum()),
        "accuracy": float(np.average(predicted == gold, weights=weights)),
        "macro_f1": float(columns[2].mean()),
        "log_loss": float(np.average(-np.log(of_gold), weights=weights)),
        "calibration_error": calibration_error(probs, gold, weights),
        "classes": {
            labels.names[c]: {
                "precision": float(p),
                "recall": float(r),
                "f1": float(f),
                "n": int(n),
            }
            for c, p, r, f, n in zip(present, *columns, strict=True)
        },
        **of_tree,
    }


def calibration_error(probs: Probs, gold: Classes, weights: Weights, n_bins: int = 15) -> float:
    """Expected calibration error in [0, 1] (Guo et al., 2017).

    It is the mean difference between confidence and accuracy over bins of equal width.

    >>> probs = np.array([[0.75, 0.25]] * 4, dtype=np.float32)
    >>> calibration_error(probs, np.array([0, 0, 0, 1]), np.ones(4))
    0.0
    """
    confidence = probs.max(axis=1)
    right = probs.argmax(axis=1) == gold
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, weights * (right - confidence), n_bins)
    return float(np.abs(gaps).sum() / weights.sum())
