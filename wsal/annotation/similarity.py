"""What is offered and shown with a question: likely classes, and similar texts with gold."""

import re
from collections.abc import Sequence

import numpy as np

from wsal.arrays import Classes, Embeddings, Scores

NAMED, UNNAMED = 2.0, -2.0  # scores beyond any cosine


def similar_gold(vectors: Embeddings, gold: Embeddings, n: int) -> list[list[int]]:
    """For each text, the `n` gold texts (rows of `gold`) with the largest cosine, best first."""
    if not len(gold) or not n:
        return [[] for _ in vectors]
    similarity = _unit(vectors) @ _unit(gold).T
    return [row[:n].tolist() for row in np.argsort(-similarity, axis=1, kind="stable")]


def class_scores(
    texts: Sequence[str], vectors: Embeddings, centres: Embeddings, names: Sequence[str]
) -> Scores:
    """How likely each class is for each text, for a shortlist: `(texts, classes)`.

    It is the cosine to the centre of the class. A class without a centre (zeros) comes first if its
    name shares a word with the text, otherwise last.
    """
    scores: Scores = _unit(vectors) @ _unit(centres).T
    words = {c: _words(names[c]) for c in np.flatnonzero(~centres.any(axis=1)).tolist()}
    for row, text in enumerate(texts):
        own = _words(text)
        for c, of_name in words.items():
            scores[row, c] = NAMED if own & of_name else UNNAMED
    return scores


def class_centres(
    vectors: Embeddings, classes: Classes, weights: np.ndarray, n_classes: int
) -> Embeddings:
    """The weighted mean embedding of each class, zeros for a class without texts."""
    sums = np.zeros((n_classes, vectors.shape[1]))
    np.add.at(sums, classes, _unit(vectors) * weights[:, None])
    total = np.bincount(classes, weights, minlength=n_classes)[:, None]
    centres: Embeddings = (sums / np.maximum(total, 1e-9)).astype(np.float32)
    return centres


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.lower()))


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float32)
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit
