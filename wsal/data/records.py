"""From a source's rows to records: composed, cleaned, checked."""

from hashlib import blake2b

import polars as pl

from wsal.data.base import Layout
from wsal.data.text import clean, compose
from wsal.errors import DataError, did_you_mean
from wsal.labels import SKIPS, LabelSet

SPLITS = {
    "train": "pool", "pool": "pool", "unlabeled": "pool", "unlabelled": "pool",
    "valid": "dev", "validation": "dev", "val": "dev", "dev": "dev",
    "test": "test",
}  # fmt: skip


def to_records(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Columns `id`, `text`, `label` (name or null), `split` (name or null) and `fields`, by row.

    Raises:
        DataError: a column is missing, an id stands twice, a split's name is unknown.
    """
    for name in layout.columns:
        if name not in rows.columns:
            raise DataError(f"the data has no column {name!r}{did_you_mean(name, rows.columns)}")
    rows = rows.select(pl.col(layout.columns).cast(pl.String))
    fields = [clean(rows[name]).alias(name) for name in layout.fields]
    cleaned = pl.DataFrame(fields) if fields else pl.DataFrame()
    text = compose(cleaned, layout.text, layout.separator)
    empty = pl.Series([None] * len(rows), dtype=pl.String)
    return pl.DataFrame(
        {
            "id": _unique(rows[layout.id]) if layout.id else _ids(text),
            "text": text,
            "label": renamed(clean(rows[layout.label]), layout) if layout.label else empty,
            "split": _splits(rows[layout.split]) if layout.split else empty,
            "fields": cleaned.to_struct("fields"),
        }
    ).with_columns(text=pl.when(pl.col("text") != "").then("text"))


def label_set(records: pl.DataFrame, layout: Layout) -> LabelSet:
    """The classes: those of the layout if it names them, else those of the gold labels.

    Raises:
        DataError: there is no gold and the layout names no classes, or only one class is known,
            or a gold label is not among the classes named, or a class has a name that means
            "skipped" in answers, or `layout.renamed` does not lead to classes.
    """
    found = records.filter(pl.col("label").is_not_null())
    named = clean(pl.Series(layout.labels, dtype=pl.String)).to_list()  # as gold is cleaned
    if len(set(named)) < len(named) or None in named:
        raise DataError(f"data.layout.labels names a class twice, or an empty one: {named}")
    labels = LabelSet(tuple(named)) if named else LabelSet.of(found["label"])
    if len(labels) < 2:
        raise DataError(
            f"found {len(labels)} classes {list(labels.names)}, expected at least 2; name the "
            "column with gold labels (data.layout.label=COLUMN) or, where there are none, the "
            "classes (data.layout.labels=[A,B,...])"
        )
    for row, name in found.with_row_index("row").select("row", "label").iter_rows():
        if name not in labels:
            where = f"gold label {name!r} of id {found['id'][row]!r} is not a class"
            raise DataError(where + did_you_mean(name, labels.names))
    if taken := [name for name in labels.names if name in SKIPS]:
        raise DataError(
            f"a class is called {taken[0]!r}, which means `skipped` in the answers of people; "
            "give it another name in the data, or say data.layout.renamed="
            f"'{{\"{taken[0]}\": other}}'"
        )
    _check_renamed(layout, labels)
    return labels


def renamed(labels: pl.Series, layout: Layout) -> pl.Series:
    """Class names, former ones replaced by what the layout says they are called now."""
    return labels.replace(present_names(layout))


def present_names(layout: Layout) -> dict[str, str]:
    """Former class names and the present ones, cleaned as labels are."""
    olds = clean(pl.Series(list(layout.renamed), dtype=pl.String))
    news = clean(pl.Series(list(layout.renamed.values()), dtype=pl.String))
    return dict(zip(olds.fill_null(""), news.fill_null(""), strict=True))


def _check_renamed(layout: Layout, labels: LabelSet) -> None:
    for old, new in present_names(layout).items():
        if new not in labels:
            raise DataError(
                f"data.layout.renamed calls {old!r} {new!r} now, which is no class"
                f"{did_you_mean(new, labels.names)}"
            )
        if old in labels:
            raise DataError(
                f"data.layout.renamed says that {old!r} is called {new!r} now, but {old!r} is "
                "still a class; take it out of data.layout.labels, or out of data.layout.renamed"
            )


def _ids(texts: pl.Series) -> pl.Series:
    """An id for each row: a digest of its text, and which of the rows with this text it is.

    A row keeps its id when others come, go or are sorted; equal texts are alike anyway.

    >>> _ids(pl.Series(["a", "b", "a"])).to_list()
    ['t433911c6eb0d', 'ta120d0ad50f1', 't433911c6eb0d-2']
    """
    digests = [f"t{blake2b((text or '').encode(), digest_size=6).hexdigest()}" for text in texts]
    frame = pl.DataFrame({"id": digests}).with_columns(nth=pl.cum_count("id").over("id"))
    first = pl.col("nth") == 1
    numbered = pl.format("{}-{}", "id", "nth")
    return frame.select(pl.when(first).then("id").otherwise(numbered).alias("id")).to_series()


def _unique(ids: pl.Series) -> pl.Series:
    """The ids, if each stands once."""
    if ids.null_count():
        raise DataError(
            f"row {ids.is_null().arg_true()[0] + 1} has no {ids.name!r}; every row needs an id"
        )
    ids = ids.str.strip_chars()
    if ids.n_unique() < len(ids):
        twice = ids.filter(ids.is_duplicated())[0]
        rows = [int(i) + 1 for i in (ids == twice).arg_true()[:2]]
        raise DataError(
            f"id {twice!r} stands twice in column {ids.name!r}, rows {rows[0]} and {rows[1]}; "
            "ids must be unique (without data.layout.id, they are made from the texts)"
        )
    return ids


def _splits(names: pl.Series) -> pl.Series:
    folded = names.fill_null("train").str.strip_chars().str.to_lowercase()
    for i, name in enumerate(folded):
        if name not in SPLITS:
            raise DataError(f"row {i + 1} has split {names[i]!r}{did_you_mean(name, SPLITS)}")
    return folded.replace_strict(SPLITS)
