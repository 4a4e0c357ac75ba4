"""What each method of rejection learns from answered texts; `wsal.classifier.rejection` scores."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import Classes, Embeddings, Scores
from wsal.classifier.rejection import GAMMA, Arrays
from wsal.classifier.softmax_regression import fit_softmax

PENALTY = 1e-5  # of the linear classifiers, against the mean loss
HEAD_PENALTY = 1e-3  # of the one that `softmax` and `energy` use
SHRINKAGE = 0.5  # of covariances towards a multiple of the identity
COMBINING = 0.01  # inverse strength of the penalty on the weights of combined scores
WITHOUT_NONE = ("softmax", "energy", "nearest", "means", "mahalanobis")
"""Methods that need no text of no class."""
WITH_NONE = (*WITHOUT_NONE, "contrast", "linear", "kernel")


@dataclass(frozen=True)
class Answered:
    """Texts that people answered: those with a class, and those of no class."""

    embeddings: Embeddings
    """Of those with a class, of length 1."""
    classes: Classes
    none: Embeddings
    """Of those of no class."""


def fit_all(answered: Answered, methods: tuple[str, ...]) -> dict[str, dict[str, np.ndarray]]:
    """What each method learns."""
    return {name: FIT[name](answered) for name in methods}


def _classifier(x: Embeddings, classes: Classes, penalty: float) -> dict[str, np.ndarray]:
    """A linear classifier of the classes that occur, in their order."""
    targets = (classes[:, None] == np.unique(classes)).astype(np.float32)
    solution = fit_softmax(x, targets, np.ones(len(x)), penalty).weights.numpy()
    return {"weights": solution[:-1], "bias": solution[-1]}


def _with_none(answered: Answered) -> tuple[Embeddings, Classes]:
    """All answered texts; those of no class have the largest number."""
    no_class = np.full(len(answered.none), answered.classes.max() + 1)
    embeddings = np.concatenate([answered.embeddings, answered.none])
    return embeddings, np.concatenate([answered.classes, no_class])


def _head(answered: Answered) -> dict[str, np.ndarray]:
    return _classifier(answered.embeddings, answered.classes, HEAD_PENALTY)


def _nearest(answered: Answered) -> dict[str, np.ndarray]:
    return {"classes": answered.embeddings}


def _means(answered: Answered) -> dict[str, np.ndarray]:
    means = _mean_of_classes(answered)
    return {"means": means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)}


def _mahalanobis(answered: Answered) -> dict[str, np.ndarray]:
    means, mean = _mean_of_classes(answered), answered.embeddings.mean(axis=0)
    place = np.unique(answered.classes, return_inverse=True)[1]
    within, total = answered.embeddings - means[place], answered.embeddings - mean
    return {"means": means, "mean": mean, "within": _inverse(within), "total": _inverse(total)}


def _contrast(answered: Answered) -> dict[str, np.ndarray]:
    return {"classes": answered.embeddings, "none": answered.none}


def _linear(answered: Answered) -> dict[str, np.ndarray]:
    return _classifier(*_with_none(answered), PENALTY)


def _kernel(answered: Answered) -> dict[str, np.ndarray]:
    """A linear classifier of features whose products are the values of the kernel."""
    points, classes = _with_none(answered)
    values, vectors = np.linalg.eigh(np.exp(2 * GAMMA * (points.astype(np.float64) @ points.T - 1)))
    large = values > 1e-6 * values[-1]
    features = vectors[:, large] * np.sqrt(values[large])
    learned = _classifier(features.astype(np.float32), classes, PENALTY)
    weights = vectors[:, large] / np.sqrt(values[large]) @ learned["weights"]
    return {"points": points, "weights": weights.astype(np.float32), "bias": learned["bias"]}


FIT = {
    "softmax": _head, "energy": _head, "nearest": _nearest, "means": _means,
    "mahalanobis": _mahalanobis, "contrast": _contrast, "linear": _linear, "kernel": _kernel,
}  # fmt: skip


def combine(of_classes: np.ndarray, of_none: np.ndarray) -> dict[str, np.ndarray]:
    """How to add up scores `(texts, parts)`, by logistic regression on their standardised values.

    They are standardised by the texts with a class. Both kinds of texts count alike.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  takes a second to import

    centre, scale = of_classes.mean(axis=0), of_classes.std(axis=0) + 1e-9
    standard = (np.concatenate([of_classes, of_none]) - centre) / scale
    is_none = np.arange(len(standard)) >= len(of_classes)
    model = LogisticRegression(C=COMBINING, class_weight="balanced", max_iter=500)
    weights = model.fit(standard, is_none).coef_[0]
    return {"centre": centre, "scale": scale, "sum": weights.astype(np.float32)}


def summed(scores: np.ndarray, weights: Arrays) -> Scores:
    """`(texts,)`: the sum of scores `(texts, parts)` by what `combine` returned."""
    standard = (scores - weights["centre"]) / weights["scale"]
    summed: Scores = (standard @ weights["sum"]).astype(np.float32)
    return summed


def _mean_of_classes(answered: Answered) -> np.ndarray:
    of_classes = [answered.classes == c for c in np.unique(answered.classes)]
    return np.stack([answered.embeddings[own].mean(axis=0) for own in of_classes])


def _inverse(differences: np.ndarray) -> np.ndarray:
    """The inverse of a covariance that was shrunk towards a multiple of the identity."""
    covariance = differences.T @ differences / len(differences)
    mean = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    inverse: np.ndarray = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * mean)
    return inverse.astype(np.float32)
