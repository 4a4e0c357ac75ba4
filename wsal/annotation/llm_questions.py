"""Questions to a language model about texts of the pool, made of arrays and names."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from wsal.arrays import Classes, Embeddings
from wsal.llm.questions import Question


def sent_texts(
    texts: Sequence[str],
    fields: Sequence[Mapping[str, str | None] | None],
    allowed: Sequence[str] | None,
) -> list[str]:
    """What of each record may be sent: its text, or the allowed fields by name.

    >>> sent_texts(["green tea"], [{"title": "green tea", "cost": "1"}], ["title"])
    ['title: green tea']
    """
    if allowed is None:
        return list(texts)
    return [
        "; ".join(f"{name}: {value}" for name in allowed if (value := (own or {}).get(name)))
        for own in fields
    ]


def similar_gold(vectors: Embeddings, gold: Embeddings, n: int) -> list[list[int]]:
    """For each text, the `n` gold texts (rows of `gold`) with the largest cosine, best first."""
    if not len(gold) or not n:
        return [[] for _ in vectors]
    similarity = _unit(vectors) @ _unit(gold).T
    return [row[:n].tolist() for row in np.argsort(-similarity, axis=1, kind="stable")]


def shortlists(
    texts: Sequence[str],
    vectors: Embeddings,
    centres: Embeddings,
    names: Sequence[str],
    likely: Sequence[Sequence[int]],
    most: int,
) -> list[tuple[str, ...]]:
    """The classes offered with each text, in the order of `names`; all, if there are few.

    The likely ones come first, then classes of which nothing is known but whose name shares a word
    with the text, then those whose centre is nearest.

    Args:
        texts: the texts.
        vectors: their embeddings, `(texts, dims)`.
        centres: the mean embedding of each class, zeros where no text is known, `(classes, dims)`.
        names: of the classes.
        likely: classes that another source names for each text.
        most: classes on a list.
    """
    if len(names) <= most:
        return [tuple(names) for _ in texts]
    near = _unit(vectors) @ _unit(centres).T
    unknown = ~centres.any(axis=1)
    words = [set(_words(name)) for name in names]
    lists = []
    for text, cosines, first in zip(texts, near, likely, strict=True):
        own = set(_words(text))
        shares = np.array([bool(own & theirs) for theirs in words])
        scores = np.where(unknown, np.where(shares, 2.0, -2.0), cosines)  # these lie in between
        scores[list(first)] = 3.0
        chosen = np.sort(np.argsort(-scores, kind="stable")[:most])
        lists.append(tuple(names[c] for c in chosen))
    return lists


def class_centres(
    vectors: Embeddings, classes: Classes, weights: np.ndarray, n_classes: int
) -> Embeddings:
    """The weighted mean embedding of each class, zeros for a class without texts."""
    sums = np.zeros((n_classes, vectors.shape[1]))
    np.add.at(sums, classes, _unit(vectors) * weights[:, None])
    total = np.bincount(classes, weights, minlength=n_classes)[:, None]
    centres: Embeddings = (sums / np.maximum(total, 1e-9)).astype(np.float32)
    return centres


def make_questions(
    texts: Sequence[str],
    options: Sequence[tuple[str, ...]],
    examples: Sequence[Sequence[tuple[str, str]]],
    guidelines: Mapping[str, str],
) -> list[Question]:
    """A question for each text, with the guidelines of the classes that are offered."""
    return [
        Question(
            text,
            offered,
            {name: guidelines[name] for name in offered if name in guidelines},
            tuple((example, label) for example, label in shown if label in offered),
        )
        for text, offered, shown in zip(texts, options, examples, strict=True)
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"\w{3,}", text.lower())


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float32)
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit
