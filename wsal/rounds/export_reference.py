"""What `wsal drift` compares later texts with: a summary of texts at the time of the export."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from wsal.arrays import Probs, Rows
from wsal.classifier.inference import predict
from wsal.export.base import HARD_INPUTS, ExportContext
from wsal.seeding import random_rows, rng
from wsal.serving.engine import softmax
from wsal.serving.exported import Exported
from wsal.serving.summaries import REFERENCE, summarise
from wsal.serving.words import Words

MOST_WORDS_OF = 200_000
"""Texts of the pool whose words are learnt."""
N_TEXTS, FEWEST = 2_000, 1_000
"""Texts that are summarised, and the fewest for which those of the test split are used."""
POOL, TEST = "pool", "test split"


def write_reference(
    context: ExportContext,
    pool_texts: Callable[[Rows], pl.Series],
    n_pool: int,
    compared_on: str,
    seed: int,
) -> None:
    """Write the summary of some texts, and the words of other texts of the pool.

    The texts are those of the test split, or of the pool where that has fewer than 1,000. Words
    are known by hash and frequency alone; see `wsal.serving.words`.

    Args:
        context: the export; its texts are distinct.
        pool_texts: reads texts of the pool.
        n_pool: how many there are.
        compared_on: which texts the context's are.
        seed: of the draws.
    """
    rows = random_rows(n_pool, N_TEXTS + MOST_WORDS_OF, rng(seed, "reference"))
    n_held = 0
    if compared_on == TEST and len(context.texts) >= FEWEST:
        texts, about = context.texts, TEST
        probs = softmax(context.expected[len(HARD_INPUTS) :])
    else:  # their words are not learnt: else none of them would be new
        n_held = min(N_TEXTS, n_pool // 2)
        texts, about = pool_texts(np.sort(rows[:n_held])).to_list(), POOL
        probs, _ = predict(context.classifier, texts, "summarise texts of the pool")
    words = Words.of(pool_texts(np.sort(rows[n_held:])))
    words.write(context.out)
    _write_summary(context, words, texts, probs, about)


def _write_summary(
    context: ExportContext, words: Words, texts: Sequence[str], probs: Probs, about: str
) -> None:
    classes = probs.argmax(axis=1)
    best = probs[np.arange(len(probs)), classes]
    summary = summarise(Exported.open(context.out), words, texts, classes, best, about)
    summary.without_times().write(context.out / REFERENCE)
