"""People's answers, matched to the pool by the text: an answer belongs to a text, not to an id.

Between rounds, rows of a source are added, removed, sorted, edited and merged, so an id may come to
mean another text. The pool holds each text once (`same_text` is the key), so a text has one row.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.arrays import Classes, Rows
from wsal.artifacts import Artifact, Facts
from wsal.data.records import renaming
from wsal.errors import AnnotationError, TableError, nearest
from wsal.labels import LabelSet
from wsal.text import clean, same_text

EXAMPLES = 5  # answers set aside that the facts of a stage quote
SHOWN = 60  # characters of a text in a message


def renamed_classes(pool: Artifact) -> Mapping[str, str]:
    """Former class names -> present ones (`data.layout.renamed`)."""
    renamed: Mapping[str, str] = pool.facts.get("renamed", {})
    return renamed


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
    parts = [read_annotations(a.path / "annotations.parquet") for a in annotations]
    answers = pl.concat([pl.DataFrame(schema=schemas.ANNOTATIONS), *parts])
    return answers.with_columns(
        label=pl.col("label").replace(renamed_classes(pool)), row=rows_of(pool, answers["text"])
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


def none_answers(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> Rows:
    """The rows of the pool of which people said that they belong to no class (`NONE`)."""
    rows, codes = coded_answers(pool, annotations, purpose)
    of_none: Rows = rows[codes == len(pool.facts["labels"])]
    return of_none


def _codes(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str, of: pl.Expr
) -> tuple[Rows, Classes]:
    """The rows of the pool with an answer of some annotators for this purpose, and the codes."""
    labels = LabelSet.of_pool(pool.facts)
    in_pool = all_answers(pool, annotations).drop_nulls("row").filter(of)
    check_classes(in_pool, labels)
    gold = majority_labels(in_pool.filter(pl.col("purpose") == purpose), "row")
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


def set_aside(pool: Artifact, annotations: Sequence[Artifact]) -> Facts:
    """How many answers (`n`) are to texts no longer in the pool, and `examples` of those texts."""
    without_text = all_answers(pool, annotations).filter(
        pl.col("row").is_null() & pl.col("label").is_not_null()
    )
    examples = without_text.unique("text", keep="first", maintain_order=True).head(EXAMPLES)
    return {
        "n": len(without_text),
        "examples": [
            f"{text_id} {shortened(text)!r}"
            for text_id, text in examples.select("id", "text").rows()
        ],
    }


def set_aside_message(facts: Facts) -> str:
    """The facts from `set_aside` in words; empty if no answer was set aside."""
    n, examples = facts["n"], facts["examples"]
    if not n:
        return ""
    more = ", ..." if n > len(examples) else ""
    which = f"in the pool ({', '.join(examples)}{more})"
    if n == 1:
        return f"1 answer set aside: its text is no longer {which}"
    return f"{n} answers set aside: their texts are no longer {which}"


def majority_labels(answers: pl.DataFrame, text: str) -> pl.DataFrame:
    """The label that most answers give each text; of labels that tie, the newest.

    Args:
        answers: oldest first, with the columns `label` (null: skipped, which counts for nothing)
            and `text`.
        text: the name of the column that tells texts apart.

    Returns:
        The columns `text` and `label`, in the order in which texts were first answered.
    """
    labelled = answers.drop_nulls("label").with_row_index("place")
    counts = labelled.group_by(text, "label").agg(n=pl.len(), last=pl.col("place").max())
    first = labelled.group_by(text).agg(first=pl.col("place").min())
    best = counts.sort("n", "last").group_by(text).agg(pl.col("label").last())
    return best.join(first, on=text).sort("first").select(text, "label")


def read_query(pool: Artifact, query: Artifact) -> pl.DataFrame:
    """The query's table, with `predicted` as a class of the pool as it is now.

    A query that people were asked is kept while classes are renamed, added or removed. `predicted`
    is -1 where the class no longer exists.
    """
    table = tables.read(query.path / "query.parquet", schemas.QUERY)
    now: list[str] = pool.facts["labels"]
    then: list[str] = query.facts.get("labels", now)
    renamed = renamed_classes(pool)
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
