"""From the rows of a source to records: compose and clean the text, check ids, labels, splits."""

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import polars as pl

from wsal.data.base import ROW, Layout
from wsal.data.label_columns import gold_labels, too_few_classes
from wsal.data.multilabel import as_lists, check_names, label_column, label_sets
from wsal.data.taxonomy import Taxonomy, normal_path
from wsal.errors import SHOWN, DataError, did_you_mean
from wsal.labels import NONE, SKIPS, LabelSet
from wsal.text import as_text, clean, compose

HYDRA_KEY = re.compile(r"[A-Za-z][\w/+.%*@?|-]*( [\w/+.%*@?|-]+)*", re.ASCII)  # allowed in {}
SPLITS = {
    "train": "pool",
    "pool": "pool",
    "unlabeled": "pool",
    "unlabelled": "pool",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "dev": "dev",
    "test": "test",
}


def to_records(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """A frame with `id`, `text`, `label` and `split` (strings or null), and `fields`.

    `id` is null if the layout names no column for it. Whether ids are unique is not checked
    here, as these may be only some of the rows.

    Raises:
        DataError: a column is missing or is not text, a row has no id, or a split is unknown.
    """
    rows = as_texts(rows, layout)
    numbers = rows[ROW]
    fields = [clean(rows[name]).alias(name) for name in layout.fields]
    cleaned = pl.DataFrame(fields) if fields else pl.DataFrame()
    text = compose(cleaned, layout.text, layout.separator)
    empty = pl.Series([None] * len(rows), dtype=pl.String)
    return pl.DataFrame(
        {
            "id": _given_ids(rows[layout.id], numbers) if layout.id else empty,
            "text": text,
            "label": _labels(rows, layout) if layout.label_columns else empty,
            "split": _splits(rows[layout.split], numbers) if layout.split else empty,
            "fields": cleaned.to_struct("fields"),
        }
    ).with_columns(text=pl.when(pl.col("text") != "").then("text"))


def as_texts(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The columns of the layout as text, and `ROW`: the position of each row, counted from 1.

    Raises:
        DataError: a column is missing or is not text.
    """
    columns = [name for name in rows.columns if name != ROW]
    for name in layout.columns:
        if name not in columns:
            raise DataError(f"the data has no column {name!r}{did_you_mean(name, columns)}")
    numbers = rows[ROW] if ROW in rows.columns else pl.int_range(1, len(rows) + 1, eager=True)
    if layout.multilabel and layout.label:
        labels = rows[label_column(layout)]
        rows = rows.with_columns(as_lists(labels, layout.label_separator))
    return pl.DataFrame([*(as_text(rows[name]) for name in layout.columns), numbers.alias(ROW)])


def label_set(records: pl.DataFrame, layout: Layout) -> LabelSet:
    """The classes: those that the layout names, or those of the gold labels.

    The gold label `NONE` says that a text belongs to no class; it is not a class itself.

    Raises:
        DataError: there are fewer than two classes, a gold label is not among the classes that
            the layout names, a class has a name that means "skipped" in answers, or
            `layout.renamed` has new names that are not classes.
    """
    with_gold = records.filter(pl.col("label").is_not_null() & (pl.col("label") != NONE))
    if layout.tree is not None and layout.labels:
        raise DataError("data.layout.taxonomy has the classes; remove data.layout.labels")
    named = clean(pl.Series(layout.labels, dtype=pl.String)).to_list()  # gold is cleaned, too
    if len(set(named)) < len(named) or None in named:
        raise DataError(f"data.layout.labels names a class twice, or an empty one: {named}")
    if (tree := tree_of(layout, with_gold["label"])) is not None:
        labels = LabelSet(tree.leaves, tree.parents)
    else:
        labels = LabelSet(tuple(named)) if named else LabelSet.of(with_gold["label"])
    if len(labels) < 2:
        raise too_few_classes(labels.names, layout)
    known = [*labels.names, *labels.parents]
    unknown = with_gold.filter(~pl.col("label").is_in(known)).unique("label", maintain_order=True)
    if len(unknown):
        name, first, text = unknown.select("label", "id", "text").row(0)
        others = ", ".join(map(repr, unknown["label"][1:SHOWN]))
        raise DataError(
            f"gold label {name!r} of id {first!r} ({text[:60]!r}) is not a class"
            f"{did_you_mean(name, labels.names)}; if it is the former name of a class, "
            f"set {renaming(name, labels.names)}"
            + (
                f"; {len(unknown) - 1:,} other labels are not classes, either: {others}"
                if others
                else ""
            )
        )
    if reserved := [name for name in labels.names if name in SKIPS]:
        raise DataError(
            f"a class is called {reserved[0]!r}, which means `skipped` in people's answers; give "
            f"it another name in the data, or set {renaming(reserved[0], ['other'])}"
        )
    if NONE in labels:
        raise DataError(
            f"data.layout.labels names {NONE!r}, which is the answer for a text of no class; "
            f"remove it from there, or set {renaming(NONE, ['other'])}"
        )
    if layout.multilabel:
        check_names(labels)
    _check_renamed(layout, labels)
    return labels


def tree_of(layout: Layout, gold: Iterable[str]) -> Taxonomy | None:
    """The class tree: of the taxonomy or, if several columns have labels, of the gold labels.

    None if the classes form no tree.
    """
    if layout.tree is not None or len(layout.label_columns) < 2 or layout.labels:
        return layout.tree
    return Taxonomy.of(sorted(set(gold)))


def _labels(rows: pl.DataFrame, layout: Layout) -> pl.Series:
    """The gold labels, cleaned, under their present names; with `multilabel`, sets of classes."""
    if layout.multilabel:
        labels = rows[label_column(layout)]
        return label_sets(labels, layout.label_separator, present_names(layout))
    return renamed(gold_labels(rows, layout), layout)


def renamed(labels: pl.Series, layout: Layout) -> pl.Series:
    """The names of classes as they are now: former names, ids and short names are replaced."""
    names = present_names(layout)
    if layout.tree is None:
        return labels.replace(names)
    given = labels.drop_nulls().unique().to_list()
    paths = [names.get(label) or names.get(path := normal_path(label), path) for label in given]
    return labels.replace(dict(zip(given, paths, strict=True)))


def renaming(old: str, labels: Sequence[str]) -> str:
    """The setting that maps a former class name to the nearest of the present ones.

    >>> renaming("Coffees", ["Pets", "Coffee"])
    "'data.layout.renamed={Coffees: Coffee}'"
    >>> renaming("Tea & Coffee", ["Tea"])
    'data.layout.renamed, in a YAML file: renamed: {"Tea & Coffee": "Tea"}'
    """
    new = (get_close_matches(old, labels, n=1) or labels)[0]
    if HYDRA_KEY.fullmatch(old) and HYDRA_KEY.fullmatch(new):
        return f"'data.layout.renamed={{{old}: {new}}}'"
    old, new = (json.dumps(name, ensure_ascii=False) for name in (old, new))
    return f"data.layout.renamed, in a YAML file: renamed: {{{old}: {new}}}"


def present_names(layout: Layout, tree: Taxonomy | None = None) -> dict[str, str]:
    """Other names of classes and the present ones, cleaned like labels.

    These are former names (`layout.renamed`) and, in a class tree (by default, that of the layout),
    ids and short names.
    """
    tree = layout.tree if tree is None else tree
    setting = layout.renamed or {}
    former = clean(pl.Series(list(setting), dtype=pl.String))
    present = clean(pl.Series(list(setting.values()), dtype=pl.String))
    names = {} if tree is None else tree.names
    renamed = {
        old: names.get(new, new)
        for old, new in zip(former.fill_null(""), present.fill_null(""), strict=True)
    }
    return {**names, **renamed}


def _check_renamed(layout: Layout, labels: LabelSet) -> None:
    for old in clean(pl.Series(list(layout.renamed or {}), dtype=pl.String)).fill_null(""):
        new = present_names(layout)[old]
        if new not in labels.answers:
            raise DataError(
                f"data.layout.renamed renames {old!r} to {new!r}, which is not a class"
                f"{did_you_mean(new, labels.names)}"
            )
        if old in labels:
            raise DataError(
                f"data.layout.renamed renames {old!r} to {new!r}, but {old!r} is still a class; "
                "remove it from data.layout.labels or from data.layout.renamed"
            )


def _given_ids(ids: pl.Series, numbers: pl.Series) -> pl.Series:
    """The ids, if no row lacks one; `numbers` are the rows in the file, for the message."""
    ids = ids.str.strip_chars()
    empty = ids.is_null() | (ids == "")
    if empty.any():
        raise DataError(f"{_rows(numbers.filter(empty))} no {ids.name!r}; every row needs an id")
    return ids


def _rows(numbers: pl.Series) -> str:
    if len(numbers) == 1:
        return f"row {numbers[0]} has"
    more = f" and {len(numbers) - SHOWN:,} more" if len(numbers) > SHOWN else ""
    return f"rows {', '.join(map(str, numbers[:SHOWN]))}{more} have"


def _splits(names: pl.Series, numbers: pl.Series) -> pl.Series:
    """The split of each row by its name in the source; rows without one go to the pool."""
    folded = names.str.strip_chars().str.to_lowercase()
    folded = folded.set(folded.is_null() | (folded == ""), "train")
    unknown = ~folded.is_in(list(SPLITS))
    if unknown.any():
        wrong = names.filter(unknown).unique(maintain_order=True)
        raise DataError(
            f"row {numbers.filter(unknown)[0]} has split {wrong[0]!r}"
            f"{did_you_mean(wrong[0], SPLITS)}"
            + (f"; also unknown: {', '.join(map(repr, wrong[1:SHOWN]))}" if len(wrong) > 1 else "")
        )
    return folded.replace_strict(SPLITS)
