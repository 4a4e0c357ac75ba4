"""People's answers, matched to the pool by the text: an answer belongs to a text, not to an id.

Between rounds, rows of a source are added, removed, sorted, edited and merged, so an id may come to
mean another text. The pool holds each text once (`same_text` is the key), so a text has one row.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.majority import majority_labels
from wsal.arrays import Classes, Rows
from wsal.artifacts import Artifact
from wsal.data.class_history import ClassHistory, edits_in
from wsal.data.records import renaming
from wsal.errors import AnnotationError, TableError, nearest
from wsal.labels import LabelSet
from wsal.text import clean, same_text

EDITED: schemas.Schema = {"former": pl.String, "is_open": pl.Boolean}
SHOWN = 60  # characters of a text in a message


def renamed_classes(pool: Artifact) -> Mapping[str, str]:
    """Former class names -> present ones (`data.layout.renamed`)."""
    renamed: Mapping[str, str] = pool.facts.get("renamed", {})
    return renamed


def names_since(pool: Artifact, made: Artifact) -> Mapping[str, str]:
    """What the names of classes in an artifact mean now: those that may mean something else.

    A name means what it meant when the artifact was made; see `wsal.data.class_history`. Where it
    means no class any more, the value is no name that an answer may have.
    """
    then = edits_in(made.facts)
    if not then and "edits" not in pool.facts:
        return renamed_classes(pool)
    return ClassHistory.of_pool(pool.facts).present_names(then)


def rows_of(pool: Artifact, texts: pl.Series) -> pl.Series:
    """The pool's row of each text; null where the text is no longer in the pool.

    Texts kept from an earlier version of wsal, which cleaned texts slightly differently, are found,
    too. The pool is read in parts, and only matching rows are kept.
    """
    rows = _first_rows(pool, texts)
    if rows.null_count():  # keys of the whole pool take a while, and are seldom needed
        missing = texts.set(rows.is_not_null(), None)
        by_key = _first_rows(pool, same_text(clean(missing)), same_text)
        rows = pl.select(pl.coalesce(rows, by_key)).to_series()
    return rows


def _first_rows(
    pool: Artifact,
    wanted: pl.Series,
    key_of: Callable[[pl.Series], pl.Series] = lambda texts: texts,
) -> pl.Series:
    """The first row of the pool whose text has each wanted key; null where none has."""
    keys = wanted.drop_nulls().unique()
    matches = [pl.DataFrame(schema={"key": pl.String, "row": pl.Int64})]
    if len(keys):
        for first, part in tables.parts(pool.path / "pool.parquet", ["text"]):
            of_part = key_of(part["text"])
            at = of_part.is_in(keys.implode()).fill_null(value=False).arg_true()
            rows = (at.cast(pl.Int64) + first).alias("row")
            matches.append(pl.DataFrame({"key": of_part.gather(at), "row": rows}))
    first_rows = pl.concat(matches).unique("key", keep="first", maintain_order=True)
    places = pl.DataFrame({"key": wanted}, schema={"key": pl.String})
    return places.join(first_rows, on="key", how="left", maintain_order="left")["row"]


def all_answers(pool: Artifact, annotations: Sequence[Artifact]) -> pl.DataFrame:
    """All answers, oldest first: columns of schemas.ANNOTATIONS, and `row`.

    `label` has the present names of classes. `row` is the text's row in the pool, or null if the
    text is no longer there.
    """
    return named_answers(pool, annotations).select(*schemas.ANNOTATIONS, "row")


def named_answers(pool: Artifact, annotations: Sequence[Artifact]) -> pl.DataFrame:
    """All answers as in `all_answers`, and two columns that say what edits of classes did to them.

    `former` is the name of a class that there is no longer, and null otherwise; then `label` is
    null. `is_open` says that the answer was a class which stands for several classes now.
    """
    parts = [_with_present_names(pool, a) for a in annotations]
    answers = pl.concat([pl.DataFrame(schema=schemas.ANNOTATIONS | EDITED), *parts])
    return answers.with_columns(row=rows_of(pool, answers["text"]))


def _with_present_names(pool: Artifact, annotations: Artifact) -> pl.DataFrame:
    answers = read_annotations(annotations.path / "annotations.parquet")
    then = edits_in(annotations.facts)
    if not then and "edits" not in pool.facts:
        return answers.with_columns(
            label=pl.col("label").replace(renamed_classes(pool)),
            former=pl.lit(None, pl.String),
            is_open=pl.lit(value=False),
        )
    history = ClassHistory.of_pool(pool.facts)
    present = {name: history.present(name, then) for name in answers["label"].drop_nulls().unique()}
    gone = [name for name in present.values() if history.is_former(name)]
    opened = history.opened_since(then)
    were_classes = [n for n in history.classes_at(then) if present.get(n) in opened]
    label = pl.col("label").replace(present)
    is_open = pl.col("label").is_in(were_classes).fill_null(value=False)
    return answers.with_columns(
        label=pl.when(~label.is_in(gone)).then(label),
        former=pl.when(label.is_in(gone)).then(label),
        is_open=is_open | pl.col("id").is_in(annotations.facts.get("left_open", [])),
    )


def read_annotations(path: Path) -> pl.DataFrame:
    """A table of people's answers, columns of ANNOTATIONS.

    Raises:
        TableError: wsal before 0.2 wrote it, without the texts.
    """
    if "text" not in pl.read_parquet_schema(path):
        raise TableError(
            f"{path} was written by wsal before 0.2, which stored no texts beside answers; run "
            "`wsal run` or `wsal active` with the options of this run: it converts the answers"
        )
    return tables.read(path, schemas.ANNOTATIONS)


def gold_answers(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> tuple[Rows, Classes]:
    """The rows of the pool that people gave a class for this purpose, and the classes.

    Answers of a language model never count as gold. Texts whose answer is a parent, or `NONE`, are
    not among them; see `coded_answers`.

    Raises:
        AnnotationError: answers to texts of the pool have names that the data does not have.
    """
    rows, codes = coded_answers(pool, annotations, purpose)
    is_class = codes < len(pool.facts["labels"])
    return rows[is_class], codes[is_class]


def coded_answers(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> tuple[Rows, Classes]:
    """The rows of the pool that people answered for this purpose, and the codes of the answers.

    Like `gold_answers`, with the texts whose answer is a parent or `NONE`: see `LabelSet`.

    Raises:
        AnnotationError: answers to texts of the pool have names that the data does not have.
    """
    return _codes(pool, annotations, purpose, ~is_llm())


def _codes(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str, of: pl.Expr
) -> tuple[Rows, Classes]:
    """The rows of the pool with an answer of some annotators for this purpose, and the codes."""
    labels = LabelSet.of_pool(pool.facts)
    in_pool = all_answers(pool, annotations).drop_nulls("row").filter(of)
    check_classes(in_pool, labels)
    of_purpose = in_pool.filter(pl.col("purpose") == purpose)
    gold = majority_labels(of_purpose, "row", labels.parents)
    codes = [labels.code(name) for name in gold["label"]]
    return gold["row"].to_numpy().astype(np.int64), np.array(codes, dtype=np.int64)


def llm_labels(pool: Artifact, annotations: Sequence[Artifact]) -> tuple[Rows, Classes]:
    """The rows of the pool that a language model labelled and no person did, and the labels."""
    known = pl.col("label").is_in(list(pool.facts["labels"]))  # of present classes
    rows, classes = _codes(pool, annotations, schemas.TRAIN, is_llm() & known)
    by_people = np.isin(rows, coded_answers(pool, annotations)[0])
    return rows[~by_people], classes[~by_people]


def is_llm() -> pl.Expr:
    """Whether a language model gave an answer, by the column `annotator`."""
    return pl.col("annotator").str.starts_with(schemas.LLM_PREFIX)


def check_classes(answers: pl.DataFrame, labels: LabelSet) -> None:
    """Check that every answer names a class, a parent, or `NONE`.

    Raises:
        AnnotationError: some do not; the message lists all unknown names with their counts.
    """
    unknown = answers.drop_nulls("label").filter(~pl.col("label").is_in(list(labels.answers)))
    if unknown.is_empty():
        return
    counts = unknown.group_by("label", maintain_order=True).len()
    listed = "\n".join(
        f"  {name!r}: {n} answer{'s' * (n != 1)}{nearest(name, labels.names)}"
        for name, n in counts.iter_rows()
    )
    raise AnnotationError(
        f"people's answers name {len(counts)} class{'es' * (len(counts) != 1)} that the data does "
        f"not have (it has {', '.join(labels.names)}):\n{listed}\n"
        "If a class was renamed or merged into another, say so, for example "
        f"{renaming(counts['label'][0], labels.names)}; "
        "if it was left out by mistake, add it to data.layout.labels"
    )


def read_query(pool: Artifact, query: Artifact) -> pl.DataFrame:
    """The query's table, with `predicted` as a class of the pool as it is now.

    A query that people were asked is kept while classes are renamed, added or removed. `predicted`
    is -1 where the class no longer exists.
    """
    table = tables.read(query.path / "query.parquet", schemas.QUERY)
    now: list[str] = pool.facts["labels"]
    then: list[str] = query.facts.get("labels", now)
    renamed = names_since(pool, query)
    numbers = {name: number for number, name in enumerate(now)}
    present = [numbers.get(renamed.get(name, name), -1) for name in then]
    return table.with_columns(
        predicted=pl.col("predicted").replace_strict(
            list(range(len(then))), present, return_dtype=pl.Int16, default=-1
        )
    )


def shortened(text: str) -> str:
    """The beginning of a text, at most 60 characters.

    >>> len(shortened("a very long title " * 9))
    60
    """
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
