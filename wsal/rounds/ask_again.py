"""Answered texts that a round asks again: those that people marked, and labels that look wrong."""

import numpy as np
import polars as pl

from wsal.active.candidates import Selection
from wsal.active.label_issues import find_issues
from wsal.annotation.query import REVIEW_REASON
from wsal.arrays import Classes, Embeddings, Rows, Scores
from wsal.seeding import rng


def asked_again(
    embeddings: Embeddings, gold_rows: Rows, gold: Classes, asked: Rows, n: int, marked: Rows
) -> Selection:
    """The positions in `gold_rows` of `marked` rows, and at most `n` whose label looks wrong.

    The worst come first. A text that was asked twice already is not asked a third time, unless it
    is marked.

    Args:
        embeddings: of the pool, `(texts, dims)`.
        gold_rows: rows of the pool with a label.
        gold: these labels, `(gold_rows,)`.
        asked: rows asked so far, each as often as it was asked.
        n: how many to look for.
        marked: rows that people want to be asked again.
    """
    by_people = np.flatnonzero(np.isin(gold_rows, marked))
    doubted, quality = _doubted(embeddings, gold_rows, gold, asked, n)
    kept = ~np.isin(doubted, by_people)
    rows = np.concatenate([by_people, doubted[kept]])
    scores = np.concatenate([np.ones(len(by_people), np.float32), 1 - quality[kept]])
    return Selection(rows, scores, [REVIEW_REASON] * len(rows))


def with_texts(query: pl.DataFrame, records: pl.DataFrame, number: int) -> pl.DataFrame:
    """The table of a `Query`, with the records of its rows beside it.

    A repeated text gets an id of its own, so that its old answer is not taken for the new one.
    """
    new_id = pl.format("{}-again-{}", "id", pl.lit(number))
    return pl.concat([records, query], how="horizontal").with_columns(
        id=pl.when("repeated").then(new_id).otherwise("id")
    )


def _doubted(
    embeddings: Embeddings, gold_rows: Rows, gold: Classes, asked: Rows, n: int
) -> tuple[Rows, Scores]:
    """At most `n` positions in `gold_rows` whose label looks wrong, and the labels' qualities."""
    if not n:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    vectors = embeddings[gold_rows].astype(np.float32)
    rows, _, quality = find_issues(vectors, gold, rng(0, "review"))
    rows_asked, counts = np.unique(asked, return_counts=True)
    once = ~np.isin(gold_rows[rows], rows_asked[counts > 1])
    return rows[once][:n], quality[once][:n]
