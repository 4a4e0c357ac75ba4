"""From a chunk of records to their texts, and back to the table with labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from wsal.errors import DataError, did_you_mean
from wsal.files.lines import Chunk
from wsal.files.objects import columns
from wsal.serving.exported import Exported
from wsal.serving.multilabel import columns_of
from wsal.serving.sources import Source
from wsal.serving.trusted_nodes import COLUMNS, DECIMALS

REJECTION = ("none_score", "rejected")
"""What a model that rejects texts of no class adds to a prediction."""


@dataclass(frozen=True)
class PredictOptions:
    """How a table is labelled."""

    fields: Sequence[str] | None = None
    """Columns that make up the text, instead of the model's own."""
    top: int = 1
    """How many of the likeliest classes to write."""
    prefix: str = ""
    """Before the name of each added column."""
    cascade: bool = False
    """Whether a student answers the texts it is sure of, and the classifier the rest."""
    agreement: float = 0.99
    """Least share of the student's answers that must be the classifier's."""
    summary: bool = False
    """Whether to summarise the distinct texts and their labels, for `wsal drift`."""

    def added(self, exported: Exported) -> list[str]:
        """The names of the columns that the model adds, in order."""
        names = []
        for rank in range(self.top):
            suffix = f"_{rank + 1}" if rank else ""
            names += [f"label{suffix}", f"probability{suffix}"]
        names += ["abstain", *(REJECTION if exported.rejection else ())]
        names += [*(COLUMNS if exported.tree else ()), "model"]
        names += ["labelled_by"] * self.cascade
        return [self.prefix + name for name in names]


def texts_of(
    exported: Exported, source: Source, chunk: Chunk, options: PredictOptions
) -> pl.Series:
    """The text of each record; "" where there is none.

    Raises:
        DataError: the chunk lacks a field, has one that is not text, or already has a column of an
            added name.
    """
    fields = list(options.fields or exported.fields)
    if source.is_json:
        table = columns([{name: record.get(name) for name in fields} for record in chunk.objects])
        if chunk.objects and all(table[name].null_count == len(table) for name in fields):
            raise DataError(
                f"{source.path} has no {' or '.join(fields)} in any record up to line "
                f"{chunk.rows[-1]}; name the keys to read with --fields"
            )
    else:
        table = chunk.table
        for name in fields:
            if name not in table.column_names:
                hint = did_you_mean(name, table.column_names)
                raise DataError(
                    f"{source.path} has no column {name!r}{hint}; name those to read with --fields"
                )
    names = set(chunk.table.column_names)
    if source.is_json:
        names = {name for record in chunk.objects for name in record}
    _refuse_clash(names, options.added(exported))
    if not len(chunk.table):
        return pl.Series(dtype=pl.String)
    try:
        return exported.text_of(pl.DataFrame(pl.from_arrow(table.select(fields))), fields)
    except DataError as error:
        raise DataError(f"{source.path}: {error}") from error


def with_labels(
    exported: Exported,
    table: pa.Table,
    answers: np.ndarray,
    answer_of_row: np.ndarray,
    options: PredictOptions,
) -> pa.Table:
    """The table with the added columns.

    Args:
        exported: the model.
        table: the records.
        answers: see `wsal.serving.answers`.
        answer_of_row: the position in `answers` for each record; -1 if it has no text.
        options: how the table is labelled.
    """
    is_empty = answer_of_row < 0
    if is_empty.all():
        answers = np.zeros(1, answers.dtype)  # a placeholder, which is never shown
    answers = answers[np.where(is_empty, 0, answer_of_row)]
    classes, probs = answers["classes"], answers["probs"]
    names = np.array(exported.labels, dtype=object)
    added: list[pa.Array] = []
    if exported.multilabel:
        added += columns_of(exported, answers, is_empty, DECIMALS)
    for rank in () if exported.multilabel else range(options.top):
        probabilities = probs[:, rank].astype(np.float64).round(DECIMALS)
        added.append(pa.array(names[classes[:, rank]], pa.string(), mask=is_empty))
        added.append(pa.array(probabilities, pa.float64(), mask=is_empty))
    below = exported.abstains(classes[:, 0], probs[:, 0]) & (not exported.multilabel)
    is_null = is_empty
    if exported.rejection is not None:
        scores = answers["none"]
        rejected = exported.rejection.rejects(scores) & ~is_empty
        is_null = is_empty | rejected
        added.append(pa.array(below | is_null))
        no_score = is_empty | np.isnan(scores)
        added.append(pa.array(scores.astype(np.float64).round(DECIMALS), mask=no_score))
        added.append(pa.array(rejected))
    else:
        added.append(pa.array(below | is_empty))
    if exported.tree:
        added += exported.tree.columns(answers, is_empty, is_null)
    added.append(pa.array([exported.digest] * len(table), pa.string()))
    if options.cascade:
        by = np.array(["classifier", "student"], dtype=object)[answers["student"].astype(int)]
        added.append(pa.array(by, pa.string(), mask=is_empty))
    for name, column in zip(options.added(exported), added, strict=True):
        table = table.append_column(name, column)
    return table


def _refuse_clash(names: set[str], added: Sequence[str]) -> None:
    if clashes := sorted(names & set(added)):
        raise DataError(
            f"the table has a column {clashes[0]!r} of its own; give the added columns other names "
            "with --prefix model_"
        )
