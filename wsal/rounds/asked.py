"""The questions of a round other than those about its texts: about words, groups, yes or no."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.active.groups import choose_groups
from wsal.active.words import MOST_SECONDS, choose_words
from wsal.annotation.query import EARLY_REASON
from wsal.annotation.questions import (
    CLASS,
    GROUP,
    NO_QUESTIONS,
    QUESTIONS,
    WORD,
    group_id,
    word_id,
)
from wsal.arrays import Rows
from wsal.labels import LabelSet
from wsal.rounds.answered_words import rows_with
from wsal.rounds.query import PoolReader, RoundState
from wsal.seeding import random_of, rng

SAMPLE = 2_000  # texts that words are counted in; of a large pool, the whole frame
GROUP_SAMPLE = 2_000  # texts that groups are made of
EXAMPLES = 5  # texts with a word that people see


def word_questions(
    state: RoundState,
    pool: PoolReader,
    records: Path,
    earlier: pl.DataFrame,
    seconds: Mapping[str, float],
    budget: float,
    labels: LabelSet,
    seed: int,
) -> pl.DataFrame:
    """The words to ask about in a round, most wanted first: columns of QUESTIONS.

    Words are counted in the frame, which is a random part of the pool, and in a small pool also in
    random other texts. The examples are random texts of the pool outside the frame.

    Args:
        state: what is known of the pool.
        pool: reads it.
        records: the table of the pool, which is read in parts.
        earlier: the words answered before: `word`, `helps` and `is_class`.
        seconds: what a question of each kind costs.
        budget: seconds of the whole query.
        labels: the classes.
        seed: of the draws.
    """
    draw = rng(seed, "words", state.number)
    in_frame = np.zeros(len(state.embeddings), dtype=bool)
    in_frame[state.frame.rows] = True
    others = np.sort(random_of(~in_frame, max(SAMPLE - len(state.frame.rows), 0), draw))
    probs = state.frame_probs
    if len(others):
        probs = np.concatenate([probs, pool.predict(others)[0]])
    sample = np.concatenate([state.frame.rows, others])
    weak_probs, n_votes = pool.weak_labels(sample)
    words = choose_words(
        pool.texts(sample).to_list(),
        probs,
        weak_probs * (n_votes > 0)[:, None],
        dict(earlier.select("word", pl.col("is_class").fill_null(value=False)).iter_rows()),
        seconds,
        budget,
        (float(earlier["is_class"].sum()), float(earlier["helps"].sum())),
    )
    rows = rows_with([word.word for word in words], records, labels)
    questions = []
    for word in words:
        shown = rows[word.word][~in_frame[rows[word.word]]]
        shown = draw.permutation(shown)[:EXAMPLES]
        questions.append(
            {
                "id": word_id(word.word),
                "kind": WORD,
                "word": word.word,
                "label": labels.names[word.predicted],
                "helps": word.helps,
                "gain": word.gain,
                "n_texts": len(rows[word.word]),
                "examples": pool.texts(shown).to_list(),
            }
        )
    return pl.DataFrame(questions, schema=QUESTIONS).filter(pl.col("examples").list.len() > 0)


def group_questions(
    state: RoundState,
    pool: PoolReader,
    records: Path,
    earlier: Rows,
    answers: pl.DataFrame,
    seconds: Mapping[str, float],
    budget: float,
    labels: LabelSet,
    seed: int,
) -> pl.DataFrame:
    """The groups of texts to ask about in a round, most wanted first: columns of QUESTIONS.

    They are made of random texts outside the frame that nobody was asked about, also not as part of
    a group; at most half of these, as others must be left for the query.

    Args:
        state: what is known of the pool.
        pool: reads it.
        records: the table of the pool.
        earlier: the rows of groups that were answered before.
        answers: to these: `helps` and `is_yes`.
        seconds: what a question of each kind costs.
        budget: seconds of the whole query.
        labels: the classes.
        seed: of the draws.
    """
    free = np.ones(len(state.embeddings), dtype=bool)
    free[np.concatenate([state.frame.rows, state.asked, earlier])] = False
    n = min(GROUP_SAMPLE, int(np.count_nonzero(free)) // 2)
    rows = np.sort(random_of(free, n, rng(seed, "groups", state.number)))
    if not len(rows):
        return NO_QUESTIONS
    groups = choose_groups(
        state.embeddings[rows],
        pool.predict(rows)[0],
        seconds,
        MOST_SECONDS * budget,
        (float(answers["is_yes"].sum()), float(answers["helps"].sum())),
    )
    table = tables.take(records, rows, ["id", "text"])
    questions = []
    for group in groups:
        own, label = table[group.rows], labels.names[group.predicted]
        texts = own["text"].to_list()
        questions.append(
            {
                "id": group_id(label, texts),
                "kind": GROUP,
                "label": label,
                "helps": group.helps,
                "gain": group.gain,
                "n_texts": len(texts),
                "examples": texts,
                "ids": own["id"].to_list(),
            }
        )
    return pl.DataFrame(questions, schema=QUESTIONS)


def most_wanted(
    questions: pl.DataFrame, seconds: Mapping[str, float], budget: float
) -> pl.DataFrame:
    """The questions that bring the most per second, as many as half of the time is enough for."""
    price = pl.col("kind").replace_strict(dict(seconds), return_dtype=pl.Float64)
    ranked = questions.sort(pl.col("gain") / price, descending=True, maintain_order=True)
    return ranked.filter(price.cum_sum() <= MOST_SECONDS * budget)


def class_questions(
    query: pl.DataFrame, seconds: Mapping[str, float], labels: LabelSet
) -> pl.DataFrame:
    """The texts of a query that are asked about by yes or no: columns of QUESTIONS.

    These are training texts for which this is expected to take less time: if the answer is no,
    their class is asked after all. Texts that are asked again, or were answered early, are not
    among them, so that a guess influences nobody there.
    """
    expected = seconds[CLASS] + (1 - pl.col("confidence")) * seconds["text"]
    is_new = ~pl.col("repeated") & (pl.col("reason") != EARLY_REASON) & (pl.col("predicted") >= 0)
    is_training = pl.col("purpose") == schemas.TRAIN
    asked = query.filter(is_training & is_new & (expected < seconds["text"]))
    return pl.concat(
        [
            NO_QUESTIONS,
            asked.select(
                "id",
                kind=pl.lit(CLASS),
                label=pl.col("predicted").replace_strict(
                    list(range(len(labels))), list(labels.names), return_dtype=pl.String
                ),
            ),
        ],
        how="diagonal",
    )
