"""A linear model of word pieces, which answers a text in a hundredth of the classifier's time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from wsal.arrays import Classes

BITS = 20  # of a hash of one word piece, or of two that follow each other
FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # odd, well mixed
LEAST_TEXTS = 2  # that a feature must occur in
EPOCHS = 20
ALPHA = 1e-5  # of the penalty on weights
ABSENT = -1e6  # the score of a class that the classifier never predicted


@dataclass(frozen=True)
class Student:
    """Scores of classes as a linear function of the word pieces of a text, and pairs of them.

    Its last class stands for texts on which the classifier abstains.
    """

    column: np.ndarray
    """`(2**BITS,)`: the column of each hash; -1 if it is not used."""
    idf: np.ndarray
    """`(features,)`: how rare a feature is."""
    weights: np.ndarray
    """`(features, classes + 1)`."""
    bias: np.ndarray
    """`(classes + 1,)`."""
    steps: np.ndarray
    """`(n,)`, ascending: the confidences at which the probability of an answer changes."""
    levels: np.ndarray
    """`(n,)`, ascending: that probability."""
    least: np.ndarray
    """`(1,)`: the confidence from which it answers."""

    def scores(self, pieces: Sequence[np.ndarray]) -> tuple[Classes, np.ndarray]:
        """The likeliest class of each text, and how far its score is above the next."""
        scores = features(pieces, self.column, self.idf) @ self.weights + self.bias
        two = np.partition(scores, -2, axis=1)[:, -2:]
        return cast(Classes, scores.argmax(axis=1)), two[:, 1] - two[:, 0]

    def probability(self, confidence: np.ndarray) -> np.ndarray:
        """The mean probability that the classifier gives to answers of such a confidence."""
        return cast(np.ndarray, np.interp(confidence, self.steps, self.levels).astype(np.float32))

    def answer(
        self, pieces: Sequence[np.ndarray], thresholds: np.ndarray
    ) -> tuple[Classes, np.ndarray, np.ndarray]:
        """The class of each text, its probability, and whether the student is sure of it.

        It is not sure of an answer that would be below the class's threshold in `thresholds`.
        """
        classes, confidence = self.scores(pieces)
        probs = self.probability(confidence)
        is_sure = (confidence >= self.least[0]) & (classes < len(thresholds))
        classes = np.where(is_sure, classes, 0)
        return classes, probs, is_sure & (probs >= thresholds[classes])

    def save(self, path: Path) -> None:
        """Write the arrays; the same student always gives the same bytes."""
        save_file(asdict(self), path)


def load_student(path: Path) -> Student:
    """The student that `Student.save` wrote."""
    return Student(**load_file(path))


def fit_student(pieces: Sequence[np.ndarray], targets: Classes, n_classes: int) -> Student:
    """The student that comes closest to `targets`, in `[0, n_classes]`; it is sure of nothing yet.

    One logistic regression for each class, by stochastic gradient descent on weighted counts.
    """
    from sklearn.linear_model import SGDClassifier  # noqa: PLC0415  takes a second

    hashes, text = _hashes(pieces)
    distinct = np.unique(np.stack([text, hashes]), axis=1)[1]
    n_texts_with = np.bincount(distinct, minlength=1 << BITS)
    used = np.flatnonzero(n_texts_with >= LEAST_TEXTS)
    column = np.full(1 << BITS, -1, dtype=np.int32)
    column[used] = np.arange(len(used))
    idf = (1 + np.log(len(pieces) / n_texts_with[used])).astype(np.float32)
    weights = np.zeros((len(used), n_classes + 1), dtype=np.float32)
    bias = np.full(n_classes + 1, ABSENT, dtype=np.float32)
    present = np.unique(targets)
    if len(present) == 1 or not len(used):
        bias[np.bincount(targets).argmax()] = 0
    else:
        model = SGDClassifier(
            loss="log_loss", alpha=ALPHA, max_iter=EPOCHS, tol=None, random_state=0
        ).fit(features(pieces, column, idf), targets)
        is_pair = len(present) == 2  # for which sklearn has one row
        rows = np.concatenate([-model.coef_, model.coef_]) if is_pair else model.coef_
        biases = np.r_[-model.intercept_, model.intercept_] if is_pair else model.intercept_
        weights[:, present], bias[present] = rows.T, biases
    nothing = np.zeros(1, dtype=np.float32)
    never = np.full(1, np.inf, dtype=np.float32)
    return Student(column, idf, weights, bias, steps=nothing, levels=nothing, least=never)


def features(pieces: Sequence[np.ndarray], column: np.ndarray, idf: np.ndarray) -> csr_matrix:
    """The features of each text, `(texts, features)`, in rows of length 1."""
    hashes, text = _hashes(pieces)
    columns = column[hashes]
    columns, text = columns[columns >= 0], text[columns >= 0]
    shape = (len(pieces), len(idf))
    counts = csr_matrix((np.ones(len(text), dtype=np.float32), (text, columns)), shape=shape)
    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    row = np.repeat(np.arange(len(pieces)), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(row, counts.data**2, minlength=len(pieces)))
    counts.data /= lengths[row].astype(np.float32)
    return counts


def _hashes(pieces: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A hash for each piece and each pair of neighbours, and the number of the text it is in."""
    flat = np.concatenate([np.empty(0, np.int64), *pieces]).astype(np.uint64) + np.uint64(1)
    text = np.repeat(np.arange(len(pieces)), [len(ids) for ids in pieces])
    pairs = flat[:-1] * FIRST + flat[1:] * SECOND
    within = text[:-1] == text[1:]
    mixed = np.concatenate([flat * SECOND, pairs[within] * FIRST])
    mixed ^= mixed >> np.uint64(29)
    hashes = (mixed * FIRST) >> np.uint64(64 - BITS)
    return hashes.astype(np.int64), np.concatenate([text, text[:-1][within]])
