"""Choose and guess where a text may have several classes, for strategies that know only one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from wsal.active.multilabel import doubt_view, reason_of
from wsal.annotation.multilabel_query import write_guesses
from wsal.arrays import Classes, Embeddings, Probs, Rows
from wsal.evaluation.multilabel import f1_thresholds
from wsal.labels import LabelSet
from wsal.multilabel import joined
from wsal.rounds.query import PoolReader


def doubtful(reader: PoolReader) -> PoolReader:
    """The reader with the doubt about each text in the place of its classes; see `doubt_view`.

    Votes and weak labels for different classes may all be right, so no text is disputed.
    """

    def predict(rows: Rows) -> tuple[Probs, Embeddings]:
        probs, embeddings = reader.predict(rows)
        return doubt_view(probs), embeddings

    return replace(
        reader,
        predict=predict,
        weak_labels=lambda rows: (np.full((len(rows), 2), 0.5), np.zeros(len(rows), np.int64)),
        disputed=lambda rows: np.zeros(len(rows), np.float32),
    )


def rarest(gold: Classes) -> Classes:
    """`(texts,)`: of each text's classes `(texts, classes)` the one that the fewest texts have.

    Where a strategy wants one class per text, rare classes count this way. Texts of no class count
    as a class of their own.

    >>> rarest(np.array([[1, 1], [1, 0], [0, 0]])).tolist()
    [1, 0, 2]
    """
    counts = gold.sum(axis=0)
    of_each = np.where(gold, counts, counts.max(initial=0) + 1)
    classes: Classes = np.where(gold.any(axis=1), of_each.argmin(axis=1), gold.shape[1])
    return classes


def with_guesses(
    asked: pl.DataFrame, reader: PoolReader, frame_probs: Probs, labels: LabelSet, folder: Path
) -> pl.DataFrame:
    """Write the predicted sets of the texts asked; returns the query without a predicted class.

    Args:
        asked: the query, columns of schemas.QUERY.
        reader: predicts; not the `doubtful` one.
        frame_probs: of the frame, `(frame, classes)`: they set the thresholds.
        labels: the classes.
        folder: of the artifact.
    """
    probs = reader.predict(asked["row"].to_numpy())[0]
    above = probs >= f1_thresholds(frame_probs if len(frame_probs) else probs)
    guesses = [joined(labels.names[c] for c in np.flatnonzero(row)) for row in above]
    write_guesses(dict(zip(asked["id"], guesses, strict=True)), folder)
    reasons = [reason_of(reason) for reason in asked["reason"]]
    return asked.with_columns(
        predicted=pl.lit(-1, pl.Int16), reason=pl.Series(reasons, dtype=pl.String)
    )
