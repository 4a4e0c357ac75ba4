"""The answers of a language model, from all stages that asked it, matched to the pool by text."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal.annotation.answers import rows_of
from wsal.annotation.llm_tables import answer_table
from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact
from wsal.evaluation.sample import Auxiliary
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import Frame
from wsal.rounds.llm_sampling import MEASURES, RANDOM
from wsal.rounds.sources import LLMAnswers


def read_llm_answers(
    pool: Artifact, llm_votes: Artifact | None, annotations: Sequence[Artifact] = ()
) -> LLMAnswers:
    """The answers to texts that the pool still has; of several to one text, the newest.

    An answer may name a parent. One that names what the data no longer has counts as none, as does
    the answer that no class fits.
    """
    table = answer_table(llm_votes, annotations, pool)
    labels = LabelSet.of_pool(pool.facts)
    here = (
        table.with_columns(
            row=rows_of(pool, table["text"]),
            # A text that is there to measure with stays so, whoever asks about it again.
            measures=(pl.col("reason") == MEASURES).any().over("text"),
            is_random=pl.col("reason").is_in([RANDOM, MEASURES]).any().over("text"),
        )
        .drop_nulls("row")
        .unique("row", keep="last")
        .sort("row")
    )
    none = len(labels)
    codes = [labels.code(n) if n in labels.answers else ABSTAIN for n in here["label"]]
    classes = [ABSTAIN if code == none else code for code in codes]
    return LLMAnswers(
        here["row"].to_numpy().astype(np.int64),
        np.array(classes, dtype=np.int64),
        here["confidence"].to_numpy().astype(np.float64),
        here["measures"].to_numpy(),
        here["is_random"].to_numpy(),
    )


def frame_answers(pool: Artifact, llm_votes: Artifact | None, frame: Frame) -> Auxiliary | None:
    """The answers to texts of the frame, which the stage ask drew at random; None without any.

    Answers of rounds are left out, because the texts of a query are not a random part of the frame,
    and so are parents, which say nothing of the class.
    """
    answers = read_llm_answers(pool, llm_votes)
    is_class = answers.classes < len(pool.facts["labels"])
    answers = answers.take(answers.measures & is_class & np.isin(answers.rows, frame.rows))
    if not len(answers.rows):
        return None
    asked = np.isin(frame.rows, answers.rows)
    classes = np.full(len(asked), ABSTAIN, dtype=np.int64)
    confidence = np.zeros(len(asked))
    classes[asked], confidence[asked] = answers.classes, answers.confidence
    return Auxiliary(asked, classes, confidence)
