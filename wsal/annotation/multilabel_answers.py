"""People's answers where a text may have several classes: a set of classes for each text."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import all_answers, check_classes
from wsal.annotation.majority import majority_labels
from wsal.arrays import Classes, Rows
from wsal.artifacts import Artifact
from wsal.labels import LabelSet
from wsal.multilabel import in_order, joined, matrix_of, names_in


def answered_sets(
    pool: Artifact, annotations: Sequence[Artifact], purpose: str = schemas.TRAIN
) -> tuple[Rows, Classes]:
    """The rows of the pool that people answered for this purpose, and their classes.

    The classes are `(rows, classes)` of 0 and 1; a row without any is a text of no class. Of
    several answers to a text, the most frequent set counts, or the newest of these.

    Raises:
        AnnotationError: answers to texts of the pool have names that the data does not have.
    """
    labels = LabelSet.of_pool(pool.facts)
    answers = all_answers(pool, annotations).drop_nulls(["row", "label"])
    names = answers.with_columns(label=_lists(answers["label"])).explode("label")
    renamed = names["label"].replace(dict(labels.aliases))
    check_classes(names.with_columns(label=renamed), labels)
    written = [in_order(text, labels) for text in answers["label"]]
    answers = answers.with_columns(label=pl.Series(written, dtype=pl.String))
    gold = majority_labels(answers.filter(pl.col("purpose") == purpose), "row")
    sets = [[labels.index(name) for name in names_in(text)] for text in gold["label"]]
    return gold["row"].to_numpy().astype(np.int64), matrix_of(sets, len(labels))


def gold_of_asked(pool: Artifact, ids: pl.Series, rows: pl.Series) -> dict[str, str]:
    """The gold sets of the texts asked, written as answers, by the ids that they have in the query.

    `rows` are their rows in the pool, null where they are no longer there.
    """
    labels = LabelSet.of_pool(pool.facts)
    gold = tables.scan(pool.path / "gold.parquet")
    places = pl.DataFrame({"asked": ids, "row": rows}).drop_nulls("row")
    held = tables.take(pool.path / "pool.parquet", places["row"].to_numpy(), ["id"])
    known = places.hstack(held).lazy().join(gold, on="id", how="inner").collect()
    return {
        text_id: joined(labels.names[c] for c in classes)
        for text_id, classes in known.select("asked", "label").iter_rows()
    }


def _lists(texts: pl.Series) -> pl.Series:
    return pl.Series([names_in(text) for text in texts], dtype=pl.List(pl.String))
