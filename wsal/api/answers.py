"""Answers to the queries of a loop, checked and kept in the order in which they were asked."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from wsal import schemas
from wsal.annotation.majority import majority_labels
from wsal.arrays import Classes, Rows
from wsal.errors import AnnotationError, UnknownNameError
from wsal.labels import NONE, LabelSet
from wsal.rounds.training_gold import classes_first

SCHEMA = {
    "row": pl.Int64,  # of the pool
    "label": pl.String,  # null: skipped
    "purpose": pl.String,
    "seconds": pl.Float64,
}


def with_answers(
    earlier: pl.DataFrame,
    query: pl.DataFrame,
    answers: Mapping[str, str | None],
    seconds: Mapping[str, float],
    labels: LabelSet,
) -> pl.DataFrame:
    """The earlier answers, followed by those to the query, in the query's order.

    Raises:
        AnnotationError: there is no open query, or no label to train on.
        UnknownNameError: an id is not in the query, or there is no such class or parent.
    """
    if query.is_empty():
        raise AnnotationError("no query is open: tell() closes it; call ask() for the next texts")
    if not answers:
        raise AnnotationError("there are no answers; give an id of the query and its class")
    asked = query["id"].to_list()
    for text_id in [*answers, *seconds]:
        if text_id not in asked:
            raise UnknownNameError("id of the last query", text_id, asked)
    for label in answers.values():
        if label is not None:
            labels.code(label)
    new = pl.DataFrame(
        {
            "id": list(answers),
            "label": list(answers.values()),
            "seconds": [seconds.get(text_id) for text_id in answers],
        },
        schema={"id": pl.String, "label": pl.String, "seconds": pl.Float64},
    )
    joined = query.join(new, on="id", how="inner", maintain_order="left")
    every = pl.concat([earlier, joined.select(list(SCHEMA))])
    training = every.filter(pl.col("purpose") == schemas.TRAIN)["label"].drop_nulls()
    if (training == NONE).all():
        raise AnnotationError("no text has a label to train on; answer at least one")
    return every


def gold_rows(
    answers: pl.DataFrame, purpose: str, labels: LabelSet, *, with_none: bool = False
) -> tuple[Rows, Classes]:
    """The rows given a class for this purpose, in the order of their first answer; the classes.

    Texts whose answer is a parent are not among them. With `with_none`, those of no class are;
    their code is `len(labels)`.
    """
    rows, codes = _codes(answers, purpose, labels)
    chosen = codes < len(labels) + with_none
    return rows[chosen], codes[chosen]


def coded_rows(answers: pl.DataFrame, purpose: str, labels: LabelSet) -> tuple[Rows, Classes]:
    """The rows with a class, then those with a parent, and the codes of both."""
    return classes_first(*_codes(answers, purpose, labels), len(labels))


def none_rows(answers: pl.DataFrame, purpose: str, labels: LabelSet) -> Rows:
    """The rows that were answered "none of these" for this purpose."""
    rows, codes = _codes(answers, purpose, labels)
    of_none: Rows = rows[codes == len(labels)]
    return of_none


def _codes(answers: pl.DataFrame, purpose: str, labels: LabelSet) -> tuple[Rows, Classes]:
    agreed = majority_labels(answers.filter(pl.col("purpose") == purpose), "row")
    codes = [labels.code(name) for name in agreed["label"]]
    return agreed["row"].to_numpy().astype(np.int64), np.array(codes, dtype=np.int64)
