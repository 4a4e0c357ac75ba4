"""What people are asked in one round."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from wsal.annotation.questions import NO_QUESTIONS
from wsal.labels import LabelSet

if TYPE_CHECKING:
    from wsal.annotation.evidence import Evidence

REVIEW_REASON = "asked again"  # of an answered text whose label looks wrong (`active.review`)
SPLIT_REASON = "its class was split"  # of an answered text that is asked for a finer answer
EARLY_REASON = "answered early"  # of a text that was answered before the query was made


@dataclass(frozen=True)
class Query:
    """What people are asked in one round."""

    table: pl.DataFrame  # columns of schemas.QUERY, most wanted first
    labels: LabelSet
    gold: Mapping[str, int]  # id -> class or `NONE`, for the oracle only; empty without gold
    round_dir: Path  # the folder for files that people and wsal exchange
    n_pool: int = 0  # texts of the pool, and how many of them have gold: for messages
    n_pool_gold: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict)  # former class names -> present ones
    gone: frozenset[str] = frozenset()  # ids of texts that left the pool: nobody waits for them
    earlier: pl.DataFrame = field(  # id and text of what earlier rounds asked
        default_factory=lambda: pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    )
    notes: list[str] = field(default_factory=list)  # what an annotator reports about the answers
    questions: pl.DataFrame = field(default_factory=lambda: NO_QUESTIONS)
    """Those that are not about the class of a text: columns of questions.QUESTIONS."""
    word_gold: Mapping[str, str] = field(default_factory=dict)  # word -> answer, for the oracle
    group_gold: Mapping[str, str] = field(default_factory=dict)  # id -> answer, for the oracle
    evidence: "Evidence | None" = None  # for annotators that ask a language model
    multilabel: bool = False
    """Whether a text may have several classes; then an answer is a set, see `wsal.multilabel`."""
    gold_sets: Mapping[str, str] = field(default_factory=dict)  # id -> answer, for the oracle
    guesses: Mapping[str, str] = field(default_factory=dict)  # id -> the predicted set
    facts: dict[str, Any] = field(default_factory=dict)  # what an annotator adds to the stage's
    llm_answers: list[pl.DataFrame] = field(default_factory=list)
    """All answers of a language model, also those not accepted: columns of schemas.LLM_ANSWERS."""

    @property
    def sets_guessed(self) -> Mapping[str, str] | None:
        """`guesses` where a text may have several classes, else None."""
        return self.guesses if self.multilabel else None
