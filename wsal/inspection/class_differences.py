"""F1 of each class for two classifiers on the same texts, and the difference with its interval."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import Classes
from wsal.inspection.paired import Pair

LEAST_TELLING = 10  # texts of a class, and texts on which the classifiers differ about it
DRAWS, CELLS = 1000, 20_000_000


@dataclass(frozen=True)
class ClassDifferences:
    """A row for each class; F1 is NaN for a class that neither gold nor predictions have."""

    n_gold: np.ndarray  # (classes,)
    first: np.ndarray  # (classes,): F1
    second: np.ndarray
    gained: np.ndarray  # (classes,): texts that only the second is right about
    lost: np.ndarray  # (classes,): texts that only the first is right about
    low: np.ndarray  # (classes,): of the difference in F1; NaN if too few texts differ
    high: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        """How much greater the F1 of the second is, `(classes,)`."""
        difference: np.ndarray = self.second - self.first
        return difference


def class_differences(pair: Pair, level: float, rng: np.random.Generator) -> ClassDifferences:
    """Compare two runs class by class.

    Intervals are those of a bootstrap of the texts with their weights, by its standard error and
    Student's distribution, as only the texts on which the classifiers differ tell them apart. A
    classifier is right about a text and a class if it predicts the class exactly where it is gold.
    Where fewer than `LEAST_TELLING` texts belong to the class, or tell the classifiers apart, there
    is no interval: so few would hardly be surprising among many classes.

    Args:
        pair: the two runs.
        level: of each interval, in (0, 1); the caller corrects for the number of classes.
        rng: for the bootstrap.
    """
    from scipy.special import stdtrit  # noqa: PLC0415  takes a moment

    sample, n = pair.sample, len(pair.labels)
    weights = sample.weights * sample.n_copies[sample.rows]
    predicted = [probs[sample.rows].argmax(axis=1) for probs in (pair.first, pair.second)]
    right = [_about_class(p, sample.gold, n) for p in predicted]
    n_texts = len(weights)
    draws = int(np.clip(CELLS // n_texts, DRAWS // 5, DRAWS))
    counts = rng.multinomial(n_texts, np.full(n_texts, 1 / n_texts), draws) * weights
    drawn = [_f1(p, sample.gold, counts, n) for p in predicted]
    error = (drawn[1] - drawn[0]).std(axis=0)
    first, second = (_f1(p, sample.gold, weights[None], n)[0] for p in predicted)
    gained, lost = ((right[i] & ~right[1 - i]).sum(axis=0) for i in (1, 0))
    n_gold = np.bincount(sample.gold, minlength=n)
    telling = np.minimum(gained + lost, n_gold)
    enough = telling >= LEAST_TELLING
    radius = np.where(enough, stdtrit(np.maximum(telling - 1, 1), 0.5 + level / 2), np.nan) * error
    here = np.zeros(n, bool)
    here[np.concatenate([sample.gold, *predicted])] = True
    first, second = (np.where(here, f1, np.nan) for f1 in (first, second))
    low, high = second - first - radius, second - first + radius
    clipped = (np.clip(low, -1, 1), np.clip(high, -1, 1))
    return ClassDifferences(n_gold, first, second, gained, lost, *clipped)


def _about_class(predicted: Classes, gold: Classes, n_classes: int) -> np.ndarray:
    """Whether each text is right about each class, `(texts, classes)`."""
    classes = np.arange(n_classes)
    right: np.ndarray = (predicted[:, None] == classes) == (gold[:, None] == classes)
    return right


def _f1(predicted: Classes, gold: Classes, weights: np.ndarray, n_classes: int) -> np.ndarray:
    """F1 of each class with each row of weights `(draws, texts)`: `(draws, classes)`."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415  takes a moment

    rows, shape = np.arange(len(gold)), (len(gold), n_classes)
    is_gold, is_predicted = (
        csr_matrix((np.ones(len(gold)), (rows, of)), shape) for of in (gold, predicted)
    )
    true = weights @ is_gold.multiply(is_predicted)
    f1: np.ndarray = 2 * true / np.maximum(weights @ (is_gold + is_predicted), 1e-12)
    return f1
