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
from wsal.rounds.answered_words import records_of, rows_with
from wsal.rounds.pool_gold import gold_of_pool
from wsal.rounds.vote_tables import parts_of


def gold_of_words(pool: Artifact, words: Sequence[str], labels: LabelSet) -> dict[str, str]:
    """The answer to each word by the gold labels of the pool's texts with it.

    It is the class of most of these texts if that are at least 75% of them, otherwise `DEPENDS`.
    A word without such a text has no answer.
    """
    if not words:
        return {}
    counts = dict[str, np.ndarray]()
    sizes = tables.rows_of_shards(pool.path / "pool.parquet")
    for shard, gold in enumerate(gold_of_pool(pool.path)):
        for part in parts_of(sizes, [shard]):
            truth = gold[part.rows]
            records = records_of(pool.path / "pool.parquet", part)
            for word, rows in rows_with(words, records, labels).items():
                known = truth[rows][truth[rows] >= 0]
                of_part = np.bincount(known, minlength=len(labels))
                counts[word] = counts.get(word, 0) + of_part
    answers = {}
    for word, of_word in counts.items():
        if of_word.any():
            is_pure = of_word.max() >= PURE * of_word.sum()
            answers[word] = labels.names[of_word.argmax()] if is_pure else DEPENDS
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
    names = [labels.names[truth[row]] if row in truth else None for row in rows.to_list()]
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
