"""People's answers to train on: classes, and parents, which stand for several classes."""

from collections.abc import Sequence

import numpy as np

from wsal import schemas
from wsal.annotation.answers import coded_answers
from wsal.annotation.multilabel_answers import answered_sets
from wsal.annotation.none_answers import none_answers
from wsal.arrays import Classes, Rows, is_indicator_matrix
from wsal.artifacts import Artifact
from wsal.multilabel import is_multilabel


def answers_to_train_on(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> tuple[Rows, Classes]:
    """The rows of the pool that people gave a class or a parent, and the codes of these.

    Rows with a class come first. Texts that belong to no class are not among them. Where a text may
    have several classes, gold is an indicator matrix, and texts of no class are among them.

    Raises:
        AnnotationError: answers to texts of the pool have names that the data does not have.
    """
    if is_multilabel(pool.facts):
        return answered_sets(pool, annotations, purpose)
    return classes_first(*coded_answers(pool, annotations, purpose), len(pool.facts["labels"]))


def rows_to_leave_out(pool: Artifact, annotations: Sequence[Artifact]) -> Rows:
    """The rows of the pool that people said belong to no class: they are not trained on.

    None where a text may have several classes: there, the empty set is gold like any other.
    """
    if is_multilabel(pool.facts):
        return np.empty(0, np.int64)
    return none_answers(pool, annotations)


def classes_first(rows: Rows, codes: Classes, n_classes: int) -> tuple[Rows, Classes]:
    """The rows with a class, then those with a parent; without those of no class.

    >>> rows, codes = classes_first(np.array([5, 6, 7]), np.array([4, 3, 0]), n_classes=3)
    >>> rows.tolist(), codes.tolist()
    ([7, 5], [0, 4])
    """
    kept = np.concatenate([np.flatnonzero(codes < n_classes), np.flatnonzero(codes > n_classes)])
    return rows[kept], codes[kept]


def n_parents(codes: Classes, n_classes: int) -> int:
    """How many of the codes are of parents."""
    return 0 if is_indicator_matrix(codes) else int((codes > n_classes).sum())
