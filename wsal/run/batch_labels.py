"""Gold labels in appended batches: each must be a class, and no edit may change its meaning."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import polars as pl

from wsal.changes import Batch, ClassEdit
from wsal.data.base import ROW, Layout
from wsal.data.batches import APPENDED, Batches
from wsal.data.class_history import ClassHistory
from wsal.data.edited_classes import known_classes, unknown_labels
from wsal.data.records import to_records
from wsal.errors import ConfigError, listed


def unknown_with_rows(records: pl.DataFrame, classes: ClassHistory) -> list[str]:
    """A problem for each label of records that is not a class, and where it is."""
    named = records.drop_nulls("label").group_by("label", maintain_order=True)
    counts = named.agg(pl.len(), pl.col(ROW).min())
    unknown = unknown_labels(classes, counts["label"])
    return [
        f"row {row}{f' and {n - 1:,} more' if n > 1 else ''}: {unknown[name]}"
        for name, n, row in counts.iter_rows()
        if name in unknown
    ]


def check_batches(
    run_dir: Path,
    batches: Sequence[Batch],
    layout: Layout,
    classes: ClassHistory,
    edits: tuple[ClassEdit, ...],
) -> None:
    """Check that the labels of all batches are classes after a return to an earlier state.

    They could not be corrected later, because batches are never changed.

    Args:
        run_dir: of the run.
        batches: those in force.
        layout: of the data.
        classes: the present ones.
        edits: those of the state to return to.

    Raises:
        ConfigError: a batch has labels that would not be classes.
    """
    after, problems, first = replace(classes, edits=edits), list[str](), len(batches)
    for number, file, records in _labelled(run_dir, batches, layout):
        unknown = unknown_with_rows(records, after)
        problems += [f"{file}, {problem}" for problem in unknown]
        first = min(first, number) if unknown else first
    if problems:
        n = len(batches) - first
        command = f"wsal append {run_dir} --undo"
        known = known_classes(after).partition("; to add")[0]
        raise ConfigError(
            f"this would leave labels of batches without a class:{listed(problems)}{known}\ntake "
            f"{'the last batch' if n == 1 else f'the last {n} batches'} back first ({command}"
            f"{'' if n == 1 else f', {n} times'}), and append "
            f"{'it' if n == 1 else 'them'} again with other labels afterwards"
        )


def check_reuse(
    run_dir: Path,
    batches: Sequence[Batch],
    layout: Layout,
    classes: ClassHistory,
    edit: ClassEdit,
) -> None:
    """Check that an edit moves no label of the batches to another class.

    A name that edits made, and not the configuration, means the present class of that name. If such
    a name was freed, and another class gets it, labels of batches would move to that class.

    Args:
        run_dir: of the run.
        batches: those in force.
        layout: of the data.
        classes: the present ones.
        edit: one that can be made.

    Raises:
        ConfigError: a label would mean another class.
    """
    after = replace(classes, edits=(*classes.edits, edit))
    for _, file, records in _labelled(run_dir, batches, layout):
        for name in records["label"].drop_nulls().unique(maintain_order=True):
            now = classes.present(name)
            if after.present(name) != after.present(now, classes.edits):
                n = int((records["label"] == name).sum())
                raise ConfigError(
                    f"{n} record{'s' * (n != 1)} of {file} {'have' if n != 1 else 'has'} the label "
                    f"{name!r}, which means {now!r} now and would mean another class; give that "
                    "class another name"
                )


def _labelled(
    run_dir: Path, batches: Sequence[Batch], layout: Layout
) -> Iterator[tuple[int, str, pl.DataFrame]]:
    """The place of each batch with labels, its file, and its records with the column `ROW`."""
    for number, batch in enumerate(batches):
        if batch.withdraw or not batch.with_labels:
            continue
        read = Batches((batch,), run_dir / APPENDED).parts(layout)
        for part in chain.from_iterable(parts for _, parts in read):
            records = to_records(part.rows, layout).with_columns(part.rows[ROW])
            yield number, part.file, records
