"""Precision, recall and F1 of each class, with intervals."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import Classes, Weights
from wsal.report.shares import Shares, shares_of


@dataclass(frozen=True)
class ByClass:
    """What is known of each class; shares are NaN where no text tells."""

    support: np.ndarray  # (classes,): judged texts of the class
    precision: Shares
    recall: Shares
    f1: Shares


def by_class(gold: Classes, predicted: Classes, weights: Weights, n_classes: int) -> ByClass:
    """Measures of each class from texts `(texts,)` that stand for `weights` texts each.

    Of the texts that belong to a class or are predicted as it, those that are both have a share j.
    F1 is `2 j / (1 + j)`, and so are the ends of its interval.

    >>> gold, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    >>> measured = by_class(gold, predicted, np.ones(4), 2)
    >>> measured.f1.value.round(2).tolist(), measured.recall.value.round(2).tolist()
    ([0.8, 0.67], [0.67, 1.0])
    """
    right = gold == predicted
    either = np.concatenate([gold, predicted[~right]])
    both = np.concatenate([right, np.zeros((~right).sum(), bool)])
    overlap = shares_of(both, np.concatenate([weights, weights[~right]]), either, n_classes)
    return ByClass(
        support=np.bincount(gold, minlength=n_classes),
        precision=shares_of(right, weights, predicted, n_classes),
        recall=shares_of(right, weights, gold, n_classes),
        f1=Shares(*(2 * j / (1 + j) for j in (overlap.value, overlap.low, overlap.high))),
    )
