"""What gold labels say about words and groups of texts, for a simulated annotator."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.words import PURE
from wsal.annotation.answers import rows_of
from wsal.annotation.questions import DEPENDS, NOT_ALL
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.labels import LabelSet
from wsal.rounds.answered_words import rows_with


def gold_of_words(pool: Artifact, words: Sequence[str], labels: LabelSet) -> dict[str, str]:
    """The answer to each word by the gold labels of the pool's texts with it.

    It is the class of most of these texts if that are at least 75% of them, otherwise `DEPENDS`.
    A word without such a text has no answer.
    """
    if not words:
        return {}
    rows_of_word = rows_with(words, pool.path / "pool.parquet", labels)
    truth = _gold_at(pool, np.unique(np.concatenate([*rows_of_word.values()])))
    answers = {}
    for word, rows in rows_of_word.items():
        gold = [truth[row] for row in rows.tolist() if row in truth]
        counts = np.bincount(np.array(gold, np.int64), minlength=len(labels.answers))
        if gold:
            is_pure = counts.max() >= PURE * counts.sum()
            answers[word] = labels.answers[counts.argmax()] if is_pure else DEPENDS
    return answers


def gold_of_groups(pool: Artifact, groups: pl.DataFrame, labels: LabelSet) -> dict[str, str]:
    """The answer to each question about a group, by its id: yes only if all its texts have gold.

    Args:
        pool: holds the gold labels.
        groups: the questions, columns of QUESTIONS.
        labels: the classes.
    """
    if groups.is_empty():
        return {}
    texts = groups.select("id", "label", text="examples").explode("text")
    rows = rows_of(pool, texts["text"])
    truth = _gold_at(pool, rows.drop_nulls().to_numpy())
    names = [labels.answers[truth[row]] if row in truth else None for row in rows.to_list()]
    is_yes = pl.col("gold").eq_missing(pl.col("label"))
    answers = (
        texts.with_columns(gold=pl.Series(names, dtype=pl.String))
        .group_by("id")
        .agg(answer=pl.when(is_yes.all()).then(pl.col("label").first()).otherwise(pl.lit(NOT_ALL)))
    )
    return dict(answers.iter_rows())


def _gold_at(pool: Artifact, rows: Rows) -> dict[int, int]:
    """The gold label of each of these rows of the pool, where there is one."""
    ids = tables.take(pool.path / "pool.parquet", rows, ["id"]).with_columns(row=rows)
    gold = tables.scan(pool.path / "gold.parquet").join(ids.lazy(), on="id").collect()
    return dict(gold.select("row", "label").iter_rows())
