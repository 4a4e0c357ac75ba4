"""Gold labels of data in which a text may have several classes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import polars as pl

from wsal.changes import ClassEdit
from wsal.data.base import Layout
from wsal.data.batches import Batches
from wsal.errors import DataError
from wsal.labels import NONE, LabelSet
from wsal.multilabel import MARK, joined, names_in
from wsal.text import clean


def as_lists(labels: pl.Series, separator: str) -> pl.Series:
    """A column of lists of names as text, with the separator between them; text stays as it is.

    Raises:
        DataError: a name contains the separator, or a list holds something else than text.
    """
    if not isinstance(labels.dtype, pl.List):
        return labels
    names = labels.explode().drop_nulls()
    if len(names) and names.dtype != pl.String:
        raise DataError(
            f"column {labels.name!r} has lists of {names.dtype}; expected lists of class names"
        )
    if len(names) and (bad := names.filter(names.str.contains(separator, literal=True))).len():
        raise DataError(
            f"column {labels.name!r} has the class {bad[0]!r}, which contains {separator!r}; set "
            "data.layout.label_separator to what no class name contains"
        )
    lists = labels.cast(pl.List(pl.String)).list.drop_nulls()
    return lists.list.join(separator).set(lists.list.len() == 0, joined([])).alias(labels.name)


def label_sets(labels: pl.Series, separator: str, renamed: Mapping[str, str]) -> pl.Series:
    """Each row's set of classes as `wsal.multilabel` writes it; null where there is no gold.

    Args:
        labels: names with the separator between them.
        separator: what stands between two names.
        renamed: former names -> present ones.
    """
    given = labels.drop_nulls().unique(maintain_order=True).to_list()
    parts = [clean(pl.Series(_names(text, separator), dtype=pl.String)) for text in given]
    parts = [part.drop_nulls() for part in parts]
    for part in parts:
        if (bad := part.filter(part.str.contains(MARK, literal=True))).len():
            raise DataError(
                f"the class {bad[0]!r} contains {MARK!r}, which stands between the classes of a "
                "text in answers; if it stands between classes here, too, set "
                f"data.layout.label_separator='{MARK}'"
            )
    sets = [_written([name for name in part.replace(renamed) if name]) for part in parts]
    return labels.replace_strict(given, sets, return_dtype=pl.String) if given else labels


def _names(text: str, separator: str) -> list[str]:
    """The names in a cell: a list in JSON, as JSON lines have it, or text."""
    if text.lstrip().startswith("["):
        with suppress(ValueError):
            names = json.loads(text)
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                return names or [NONE]
    return text.split(separator)


def _written(names: list[str]) -> str | None:
    """A set of classes as text; None where there was no name at all."""
    return joined(sorted(names_in(joined(names)))) if names else None


def one_per_class(examples: pl.DataFrame) -> pl.DataFrame:
    """A row for each class in sets of classes; `examples` has `id`, `text` and `label`."""
    names = [names_in(text) for text in examples["label"]]
    lists = examples.with_columns(label=pl.Series(names, dtype=pl.List(pl.String)))
    return lists.explode("label").drop_nulls("label").unique("label", maintain_order=True)


def sets_of(texts: Iterable[str], labels: LabelSet) -> pl.Series:
    """The classes in each of these sets, as lists of their integers."""
    sets = [sorted(map(labels.index, names_in(text))) for text in texts]
    return pl.Series(sets, dtype=pl.List(pl.Int16))


def refuse_changes(edits: Sequence[ClassEdit], batches: Batches) -> None:
    """Refuse changes of a run that do not work where a text may have several classes.

    Raises:
        DataError: classes were edited, or records were appended.
    """
    why = "which does not work where a text may have several classes (data.layout.multilabel=true)"
    if edits:
        raise DataError(f"classes of this run were edited, {why}; undo that: wsal classes undo RUN")
    if batches.batches:
        raise DataError(
            f"records were appended to this run, {why}; undo that: wsal append --undo RUN"
        )


def label_column(layout: Layout) -> str:
    """The only column with gold labels.

    Raises:
        DataError: the layout names several.
    """
    if len(layout.label_columns) > 1:
        raise DataError(
            f"data.layout.label names the columns {list(layout.label_columns)}, the levels of a "
            "class tree, which does not go together with data.layout.multilabel; name the one "
            "column that has the lists of class names"
        )
    return layout.label_columns[0]


def check_names(labels: LabelSet) -> None:
    """Check that sets of these classes can be written.

    Raises:
        DataError: a class name contains "|", or the classes form a tree.
    """
    if labels.parents:
        raise DataError(
            "data.layout.multilabel and data.layout.taxonomy do not go together; leave out the "
            "taxonomy, and name the classes in data.layout.labels"
        )
    if bad := [name for name in labels.names if MARK in name]:
        raise DataError(
            f"the class {bad[0]!r} contains {MARK!r}, which stands between the classes of a text "
            "in answers; give it another name"
        )
