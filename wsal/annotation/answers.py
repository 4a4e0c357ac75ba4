"""What people answered, matched to the pool by the text: an answer belongs to a text, not an id.

Rows of a source come and go, are sorted, edited and merged between rounds, so ids may move to
other texts. The pool holds each text once (`same_text` is the key), so a text finds its row.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Classes, Rows
from wsal.artifacts import Artifact, Facts
from wsal.data.records import renaming
from wsal.errors import AnnotationError, nearest
from wsal.labels import LabelSet
from wsal.text import clean, same_text

EXAMPLES = 5  # answers set aside that the facts of a stage name
SHOWN = 60  # characters of a text in a message


def rows_of(pool: Artifact, texts: pl.Series) -> pl.Series:
    """The row of the pool at which each text stands; null where it is there no longer.

    Texts may be kept from an earlier version of wsal, which cleaned texts a little differently.
    """
    held = pl.read_parquet(pool.path / "pool.parquet", columns=["text"])["text"]
    rows = _places(held, texts)
    if rows.null_count():  # keys of the whole pool take a while, and are seldom needed
        again = _places(same_text(held), same_text(clean(texts)))
        rows = pl.select(pl.coalesce(rows, again)).to_series()
    return rows


def _places(held: pl.Series, wanted: pl.Series) -> pl.Series:
    keys = pl.DataFrame({"key": wanted})
    rows = pl.DataFrame({"key": held}).with_row_index("row").join(keys, on="key", how="semi")
    once = rows.unique("key", keep="first")
    return keys.join(once, on="key", how="left", maintain_order="left")["row"].cast(pl.Int64)


def all_answers(pool: Artifact, annotations: Sequence[Artifact]) -> pl.DataFrame:
    """All answers, oldest first: tables.ANNOTATIONS, labels by their present names, and `row`.

    `row` is the text's place in the pool; null where the text is there no longer.
    """
    parts = [tables.read_annotations(one.path / "annotations.parquet") for one in annotations]
    answers = pl.concat([pl.DataFrame(schema=tables.ANNOTATIONS), *parts])
    renamed = pool.facts.get("renamed", {})
    return answers.with_columns(
        label=pl.col("label").replace(renamed), row=rows_of(pool, answers["text"])
    )


def gold_answers(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = tables.TRAIN
) -> tuple[Rows, Classes]:
    """The rows of the pool that got a gold label for this purpose, and the labels; maybe none.

    Raises:
        AnnotationError: answers to texts of the pool name classes that it does not have.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    here = all_answers(pool, annotations).drop_nulls("row")
    check_classes(here, labels)
    agreed = majority_labels(here.filter(pl.col("purpose") == purpose), "row")
    classes = [labels.index(name) for name in agreed["label"]]
    return agreed["row"].to_numpy().astype(np.int64), np.array(classes, dtype=np.int64)


def check_classes(answers: pl.DataFrame, labels: LabelSet) -> None:
    """Make sure that every answer names a class.

    Raises:
        AnnotationError: some do not; the message lists all of their names with counts.
    """
    unknown = answers.drop_nulls("label").filter(~pl.col("label").is_in(list(labels.names)))
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
    """How many answers belong to no text of the pool any more, and some of those texts."""
    gone = all_answers(pool, annotations).filter(
        pl.col("row").is_null() & pl.col("label").is_not_null()
    )
    some = gone.unique("text", keep="first", maintain_order=True).head(EXAMPLES)
    return {
        "n": len(gone),
        "examples": [f"{i} {shortened(text)!r}" for i, text in some.select("id", "text").rows()],
    }


def set_aside_message(facts: Facts) -> str:
    """What `set_aside` found, as part of a line; empty where every answer has its text."""
    n, examples = facts["n"], facts["examples"]
    if not n:
        return ""
    more = ", ..." if n > len(examples) else ""
    which = f"in the pool ({', '.join(examples)}{more})"
    if n == 1:
        return f"1 answer set aside: its text is no longer {which}"
    return f"{n} answers set aside: their texts are no longer {which}"


def majority_labels(answers: pl.DataFrame, text: str) -> pl.DataFrame:
    """One row a text, columns `text` (its name is given) and `label`: what most answers say.

    Of labels that tie, the newest counts. Texts come in the order in which they were first
    answered; skips say nothing.
    """
    all_answers = answers.drop_nulls("label").with_row_index("place")
    counted = all_answers.group_by(text, "label").agg(n=pl.len(), last=pl.col("place").max())
    first = all_answers.group_by(text).agg(first=pl.col("place").min())
    best = counted.sort("n", "last").group_by(text).agg(pl.col("label").last())
    return best.join(first, on=text).sort("first").select(text, "label")


def read_query(pool: Artifact, query: Artifact) -> pl.DataFrame:
    """The query's table with `predicted` as a class of the pool as it is now.

    A query handed to people is kept while classes are renamed, added or removed. -1 where the
    class is gone.
    """
    table = tables.read(query.path / "query.parquet", tables.QUERY)
    now: list[str] = pool.facts["labels"]
    then: list[str] = query.facts.get("labels", now)
    renamed = pool.facts.get("renamed", {})
    numbers = {name: number for number, name in enumerate(now)}
    present = [numbers.get(renamed.get(name, name), -1) for name in then]
    return table.with_columns(
        predicted=pl.col("predicted").replace_strict(
            list(range(len(then))), present, return_dtype=pl.Int16, default=-1
        )
    )


def shortened(text: str) -> str:
    """The text's beginning.

    >>> len(short("a very long title " * 9))
    60
    """
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
