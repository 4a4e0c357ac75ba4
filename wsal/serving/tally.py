"""Counts texts as they come, each distinct text once."""

from collections.abc import Sequence

import numpy as np

from wsal.arrays import Classes
from wsal.serving.exported import Exported
from wsal.serving.summaries import Summary, moment, summarise
from wsal.serving.words import Words

MOST_DISTINCT = 1_000_000
"""Texts that are told apart, by their hashes; later ones are counted as often as they come."""


class Tally:
    """The summary of the texts so far; not for several threads at once."""

    def __init__(self, exported: Exported, words: Words | None = None) -> None:
        self.exported = exported
        self.words = words or Words.read(exported.folder)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all texts."""
        self.summary = Summary(self.exported.digest, self.exported.labels, begin=moment())
        self.seen = set[int]()

    def add(self, texts: Sequence[str], classes: Classes, probabilities: np.ndarray) -> None:
        """Count texts with their likeliest classes; empty ones, and those seen before, do not."""
        new = []
        for row, text in enumerate(texts):
            key = hash(text)
            if text and key not in self.seen:
                new.append(row)
                if len(self.seen) < MOST_DISTINCT:
                    self.seen.add(key)
        if not new:
            return
        part = summarise(
            self.exported,
            self.words,
            [texts[row] for row in new],
            np.asarray(classes, dtype=np.int64)[new],
            np.asarray(probabilities)[new],
        )
        self.summary = self.summary.plus(part)


def summary_of(tally: Tally | None) -> Summary | None:
    """The summary so far; None without a tally."""
    return tally.summary if tally else None
