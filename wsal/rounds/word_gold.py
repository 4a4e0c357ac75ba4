"""What gold labels say about words, for a simulated annotator."""

from collections.abc import Sequence

import numpy as np

from wsal import tables
from wsal.active.words import PURE
from wsal.annotation.questions import DEPENDS
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
    records = tables.read(pool.path / "pool.parquet")
    gold = tables.read(pool.path / "gold.parquet", tables.GOLD)
    joined = records.select("id").join(gold, on="id", how="left", maintain_order="left")
    truth = joined["label"].fill_null(-1).to_numpy().astype(np.int64)
    answers = {}
    for word, rows in rows_with(words, records, labels).items():
        counts = np.bincount(truth[rows][truth[rows] >= 0], minlength=len(labels))
        if counts.any():
            is_pure = counts.max() >= PURE * counts.sum()
            answers[word] = labels.names[counts.argmax()] if is_pure else DEPENDS
    return answers
