"""A new batch with its predictions, as `wsal accept` judges it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from wsal.arrays import Classes, Mask, Rows
from wsal.data.class_edits import classes_below
from wsal.errors import DataError, did_you_mean, listed, nearest
from wsal.evaluation.parts import SHARES, Parts
from wsal.labels import NONE, LabelSet
from wsal.seeding import rng
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.exported import Exported
from wsal.text import as_text, clean

PREDICTED = "predicted.parquet"
PEOPLE, MODEL = "people", "model"


@dataclass(frozen=True)
class Batch:
    """The rows of a table, their texts, and what the model predicts."""

    path: Path
    """The table with the predictions: what `wsal predict` writes."""
    prefix: str
    """Of the columns that `wsal predict` added."""
    labels: LabelSet
    """The classes of the model and, in a class tree, the parents that people may answer with."""
    texts: pl.Series
    """`(rows,)`: the text of each row; "" where there is none."""
    predicted: Classes
    """`(rows,)`: the likeliest class; -1 where there is no text."""
    confidence: np.ndarray
    """`(rows,)`: its probability; 0 where there is no text."""
    rejected: Mask
    """`(rows,)`: whether the model says that the text belongs to no class."""
    added: tuple[str, ...] = ()
    """The names of the columns that `wsal predict` added."""
    leaves: Mapping[str, str] = field(default_factory=dict)
    """In a class tree, what the column `leaf` says for each class."""

    @classmethod
    def read(cls, path: Path, exported: Exported, options: PredictOptions) -> "Batch":
        """The batch in a table that `wsal predict` wrote with these options."""
        fields = list(options.fields or exported.fields)
        names = list(pl.read_parquet_schema(path))
        label, probability, rejected = (
            f"{options.prefix}{name}" for name in ("label", "probability", "rejected")
        )
        read = [name for name in fields if name in names]
        read += [label, probability, *([rejected] if exported.rejection else [])]
        frame = pl.read_parquet(path, columns=list(dict.fromkeys(read)))
        missing = [pl.lit(None, pl.String).alias(name) for name in fields if name not in names]
        texts = exported.text_of(frame.with_columns(missing), fields)
        numbers = {name: number for number, name in enumerate(exported.labels)}
        predicted = frame[label].replace_strict(numbers, default=-1, return_dtype=pl.Int64)
        tree = exported.tree.tree if exported.tree else None
        # Parents are named by paths, as on pages and in sheets: `ClassHistory` knows no others.
        parents = classes_below(exported.labels) if tree else {}
        is_rejected = np.zeros(len(frame), dtype=bool)
        if exported.rejection:
            is_rejected = frame[rejected].to_numpy()
        return cls(
            path,
            options.prefix,
            LabelSet(exported.labels, parents),
            texts,
            predicted.to_numpy(),
            frame[probability].fill_null(0.0).to_numpy(),
            is_rejected,
            tuple(options.added(exported)),
            {name: tree.short(name) for name in exported.labels} if tree else {},
        )

    def gold(self, column: str) -> dict[str, int]:
        """Text -> the code of its answer, from a column of the batch; for an oracle.

        Rows without a value have no answer.

        Raises:
            DataError: the batch has no such column, or the column has other names.
        """
        names = list(pl.read_parquet_schema(self.path))
        if column not in names:
            raise DataError(f"the batch has no column {column!r}{did_you_mean(column, names)}")
        values = clean(as_text(pl.read_parquet(self.path, columns=[column])[column]))
        numbers = {name: self.labels.code(name) for name in self.labels.answers}
        unknown = [
            f"{value!r} ({n:,} rows){nearest(value, numbers)}"
            for value, n in Counter(values.drop_nulls()).most_common()
            if value not in numbers
        ]
        if unknown:
            raise DataError(
                f"column {column!r} has {len(unknown):,} values that are not classes of the model:"
                f"{listed(unknown)}\nwrite {NONE!r} for texts that belong to none of its classes"
            )
        pairs = zip(self.texts.to_list(), values.to_list(), strict=True)
        return {text: numbers[value] for text, value in pairs if value is not None}


@dataclass(frozen=True)
class Group:
    """Texts that are judged together: the whole batch, or those predicted as one class."""

    name: str
    """The class; "" for the whole batch."""
    rows: Rows
    """Of the batch."""
    parts: Parts
    """Of these rows."""


def groups_of(batch: Batch, above: float, *, by_class: bool, seed: int) -> list[Group]:
    """What is judged: rows with a text and a confidence of at least `above`, not rejected.

    With `by_class`, each predicted class passes or fails as a whole.
    """
    is_judged = (batch.predicted >= 0) & (batch.confidence >= above) & ~batch.rejected
    if not by_class:
        rows = np.flatnonzero(is_judged)
        return [_group("", rows, batch, seed, SHARES)] if len(rows) else []
    return [
        _group(name, rows, batch, seed, (1.0,))
        for number, name in enumerate(batch.labels.names)
        if len(rows := np.flatnonzero(is_judged & (batch.predicted == number)))
    ]


def _group(name: str, rows: Rows, batch: Batch, seed: int, shares: Sequence[float]) -> Group:
    draw = rng(seed, "accept", name)
    return Group(name, rows, Parts.of(batch.confidence[rows], draw, shares))


def is_right(batch: Batch, answers: Mapping[str, str | None]) -> np.ndarray:
    """`(rows,)`: 1 where people confirm the prediction, 0 where they do not, NaN without an answer.

    Only the name of the predicted class confirms it: a skipped text does not, nor does "none of
    these". An answer that stands for several classes cannot decide whether the predicted
    class is right, even if that is among them, and counts as wrong, too, so that the precision is
    never overestimated.
    `answers` are by text; None: skipped.
    """
    names = pl.Series([*batch.labels.names, None], dtype=pl.String)
    frame = pl.DataFrame({"text": batch.texts, "predicted": names.gather(batch.predicted)})
    schema = {"text": pl.String, "answer": pl.String}
    given = pl.DataFrame(list(answers.items()), schema, orient="row")
    joined = frame.join(given.with_columns(answered=True), "text", "left", maintain_order="left")
    right = (pl.col("answer") == pl.col("predicted")).fill_null(value=False).cast(pl.Float64)
    verdict = joined.select(pl.when(pl.col("answered")).then(right)).to_series()
    return verdict.cast(pl.Float64).fill_null(np.nan).to_numpy()
