"""What gold labels say about words and groups of texts, for a simulated annotator."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.words import PURE
from wsal.annotation.answers import rows_of
from wsal.annotation.questions import DEPENDS, NOT_ALL
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
    truth, records = _truth(pool), pool.path / "pool.parquet"
    answers = {}
    for word, rows in rows_with(words, records, labels).items():
        counts = np.bincount(truth[rows][truth[rows] >= 0], minlength=len(labels))
        if counts.any():
            is_pure = counts.max() >= PURE * counts.sum()
            answers[word] = labels.names[counts.argmax()] if is_pure else DEPENDS
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
    truth = _truth(pool)
    texts = groups.select("id", "label", text="examples").explode("text")
    rows = rows_of(pool, texts["text"]).to_list()
    names = [None if row is None or truth[row] < 0 else labels.names[truth[row]] for row in rows]
    is_yes = pl.col("gold").eq_missing(pl.col("label"))
    answers = (
        texts.with_columns(gold=pl.Series(names, dtype=pl.String))
        .group_by("id")
        .agg(answer=pl.when(is_yes.all()).then(pl.col("label").first()).otherwise(pl.lit(NOT_ALL)))
    )
    return dict(answers.iter_rows())


def _truth(pool: Artifact) -> np.ndarray:
    """`(texts,)`: the gold label of each text of the pool, -1 where there is none."""
    gold = tables.read(pool.path / "gold.parquet", tables.GOLD)
    ids = tables.column(pool.path / "pool.parquet", "id").to_frame()
    joined = ids.join(gold, on="id", how="left", maintain_order="left")
    return joined["label"].fill_null(-1).to_numpy().astype(np.int64)
