"""Let a classifier correct weak labels of texts that it was not trained on."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import Embeddings, Probs
from wsal.classifier.softmax_regression import fit_softmax

FOLDS = 3
PENALTY = 1e-4  # of softmax regression
SURE = 0.8  # the least probability of a prediction that serves as the label of a text without votes
LEAST = 1e-4  # a prediction of less than this cannot rule out what the rules say
FEW = 15  # weak labels of a class: with fewer, what the classifier predicts says nothing of them


@dataclass(frozen=True)
class Refined:
    """Weak labels after refinement."""

    probs: Probs
    """`(texts, classes)`."""
    used: np.ndarray
    """`(texts,)` bool: texts with a weak label, and others whose prediction is sure."""
    predictions: Probs
    """`(texts, classes)`, out of fold: the classifier's part in `probs`."""


def refine(
    embeddings: Embeddings,
    weak: Probs,
    has_weak: np.ndarray,
    passes: int,
    rng: np.random.Generator,
    paths: np.ndarray | None = None,
) -> Refined:
    """Multiply weak labels by out-of-fold predictions of a linear classifier, and repeat.

    What rules say and what embeddings say errs in different ways, so their product is better than
    either. The classifier learns from the refined labels of the other folds; frequent classes
    weigh less than by their number, so that rare classes are not lost. A weak label of a class with
    fewer than `FEW` stays as it is: the classifier has hardly seen that class, and would rule it
    out. A text without a weak label gets the prediction.

    Args:
        embeddings: `(texts, dims)`, of length 1.
        weak: `(texts, classes)`; uniform where there is no weak label.
        has_weak: `(texts,)` bool.
        passes: how often, at least 1.
        rng: draws the folds.
        paths: of a class tree, as for `fit_softmax`.
    """
    probs, used, predictions = weak, has_weak, weak
    classes = weak.argmax(axis=1)
    counts = np.bincount(classes[has_weak], minlength=weak.shape[1])
    is_rare = has_weak & (counts[classes] < FEW)
    for _ in range(passes):
        fold = rng.permutation(len(weak)) % FOLDS
        predictions = np.empty_like(weak)
        for number in range(FOLDS):
            others = used & (fold != number)
            weights = class_weights(probs[others])
            model = fit_softmax(embeddings[others], probs[others], weights, PENALTY, paths)
            predictions[fold == number] = model.predict_proba(embeddings[fold == number])
        predictions[is_rare] = 1 / weak.shape[1]
        probs = product(weak, predictions)
        used = has_weak | (predictions.max(axis=1) >= SURE)
    return Refined(probs, used, predictions)


def product(weak: Probs, predictions: Probs) -> Probs:
    """Two distributions over classes as independent evidence; `(texts, classes)`.

    >>> product(np.array([[0.6, 0.4]]), np.array([[0.2, 0.8]])).round(2).tolist()
    [[0.27, 0.73]]
    """
    both = weak * np.maximum(predictions, LEAST)
    probs: Probs = both / both.sum(axis=1, keepdims=True)
    return probs


def class_weights(probs: Probs) -> np.ndarray:
    """`(texts,)`: the largest probability, by the square root of the number of texts of the class.

    >>> class_weights(np.array([[1.0, 0.0]] * 4 + [[0.0, 0.5]])).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    classes = probs.argmax(axis=1)
    counts = np.bincount(classes, minlength=probs.shape[1])
    weights: np.ndarray = probs.max(axis=1) / np.sqrt(counts[classes])
    return weights
