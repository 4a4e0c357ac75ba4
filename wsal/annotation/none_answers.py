"""Answers "none of these": texts that, by the answers of people, belong to no class."""

from collections.abc import Sequence

import numpy as np

from wsal import schemas
from wsal.annotation.answers import coded_answers
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.changes import ClassEdit
from wsal.data.class_history import ClassHistory


def none_answers(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> Rows:
    """The rows of the pool that, by the answers of people, belong to no class (`NONE`)."""
    rows, codes = coded_answers(pool, annotations, purpose)
    of_none: Rows = rows[codes == len(pool.facts["labels"])]
    return of_none


def none_of_present(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> Rows:
    """Those of `none_answers` that were given when people could choose from all present classes.

    Before a class was added, such an answer says nothing about it: the text may belong to it.
    """
    rows = none_answers(pool, annotations, purpose)
    history = ClassHistory.of_pool(pool.facts)
    whole = [made for made in annotations if _offered_all(history, made)]
    if len(whole) < len(annotations):
        rows = np.intersect1d(rows, none_answers(pool, whole, purpose))
    return rows


def _offered_all(history: ClassHistory, annotations: Artifact) -> bool:
    """Whether all present classes were there, perhaps by other names, when a round was asked."""
    facts = annotations.facts
    asked_with = facts["asked_with"] if "asked_with" in facts else facts.get("edits", ())
    then = tuple(ClassEdit.of_node(node) for node in asked_with)
    present = {history.present(name, then) for name in history.classes_at(then)}
    offered = {name for each in present for name in history.parents.get(each, (each,))}
    return offered >= set(history.names)
