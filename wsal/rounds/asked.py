"""The questions of a round other than those about its texts: about words, and yes or no."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.words import choose_words
from wsal.annotation.query import EARLY_REASON
from wsal.annotation.questions import CLASS, NO_QUESTIONS, QUESTIONS, WORD, word_id
from wsal.labels import LabelSet
from wsal.rounds.answered_words import rows_with
from wsal.rounds.query import PoolReader, RoundState
from wsal.seeding import rng

SAMPLE = 2_000  # texts that words are counted in; of a large pool, the whole frame
EXAMPLES = 5  # texts with a word that people see


def word_questions(
    state: RoundState,
    pool: PoolReader,
    records: pl.DataFrame,
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
        records: of the whole pool.
        earlier: the words answered before: `word`, `helps` and `is_class`.
        seconds: what a question of each kind costs.
        budget: seconds of the whole query.
        labels: the classes.
        seed: of the draws.
    """
    draw = rng(seed, "words", state.number)
    in_frame = np.zeros(len(records), dtype=bool)
    in_frame[state.frame.rows] = True
    others = draw.permutation(np.flatnonzero(~in_frame))
    others = np.sort(others[: max(SAMPLE - len(state.frame.rows), 0)])
    probs = state.frame_probs
    if len(others):
        probs = np.concatenate([probs, pool.predict(others)[0]])
    sample = np.concatenate([state.frame.rows, others])
    weak_probs, n_votes = pool.weak_labels(sample)
    words = choose_words(
        records["text"].gather(sample).to_list(),
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
                "examples": records["text"].gather(shown).to_list(),
            }
        )
    return pl.DataFrame(questions, schema=QUESTIONS).filter(pl.col("examples").list.len() > 0)


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
    is_training = pl.col("purpose") == tables.TRAIN
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
