"""What a language model is asked when it votes beside the rules."""

import numpy as np
import polars as pl

from wsal import tables
from wsal.annotation.answers import rows_of
from wsal.arrays import ABSTAIN, Rows
from wsal.artifacts import Artifact
from wsal.digests import MANIFEST
from wsal.labels import LabelSet
from wsal.llm.pool_texts import questions_about
from wsal.llm.questions import Question
from wsal.llm.settings import LLMSettings
from wsal.llm.shortlist import shortlist
from wsal.members import members_of
from wsal.rounds.disagreement import covered_and_disputed
from wsal.rounds.evaluation_frame import sample_size
from wsal.rounds.frame_periods import rows_to_lay
from wsal.rounds.llm_sampling import NEEDED, LLMSample, draw_sample, first_in_order
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rules.similarity import Similarity
from wsal.settings import EvaluationSettings


def vote_questions(
    pool: Artifact, votes: Artifact, llm: LLMSettings, evaluation: EvaluationSettings, seed: int
) -> tuple[LLMSample, list[Question]]:
    """The texts that the language model votes on, in their order, and a question about each."""
    measure = sample_size(pool.facts, evaluation, number=1) > 0
    frame = _frame(pool, evaluation, seed, measure=measure)
    covered, disputed = covered_and_disputed(votes, members_of(LabelSet.of_pool(pool.facts)))
    in_frame = np.zeros(len(covered), bool)
    in_frame[frame] = True
    kinds = [in_frame, ~in_frame, ~in_frame & ~covered, ~in_frame & disputed]
    texts = tables.texts(pool.path / "pool.parquet")
    order = first_in_order(texts, kinds, NEEDED * llm.texts, seed)
    sample = draw_sample(covered, disputed, frame, llm.texts, order, measure=measure)
    return sample, questions_about(pool, sample.rows, llm, _offered(pool, votes, sample.rows, llm))


def _frame(pool: Artifact, evaluation: EvaluationSettings, seed: int, *, measure: bool) -> Rows:
    """The rows that are set aside to measure with; none if no sample is or was drawn from them.

    The frame is laid down with the first query and then stays. Even if no more texts are to be
    labelled for evaluation, those that were still measure.
    """
    rounds = pool.path.parent / "rounds"
    queries = [Artifact.open(path.parent) for path in rounds.glob(f"*/query/{MANIFEST}")]
    if not measure and not any(query.facts["n_evaluation"] for query in queries):
        return np.empty(0, np.int64)
    newest = max(queries, key=lambda query: query.path) if queries else None
    names = newest.facts.get("periods", [""]) if newest else []
    rows = [np.empty(0, np.int64), *rows_to_lay(pool.facts, evaluation.frame, seed, names).values()]
    if newest:
        texts = pl.read_parquet(newest.path / "frame.parquet", columns=["text"])["text"]
        rows.append(rows_of(pool, texts).drop_nulls().to_numpy().astype(np.int64))
    return np.unique(np.concatenate(rows))


def _offered(
    pool: Artifact, votes: Artifact, rows: Rows, llm: LLMSettings
) -> list[np.ndarray] | None:
    """The classes nearest to each text, and those rules voted for; None: all are offered."""
    names: list[str] = pool.facts["labels"]
    if len(names) <= llm.options or not len(rows):
        return None
    texts = tables.take(pool.path / "pool.parquet", rows)["text"].to_list()
    vectors = embed_for_rules([*texts, *names], Similarity.encoder)
    scores = vectors[: len(texts)] @ vectors[len(texts) :].T
    cast = tables.take(votes.path / "votes.parquet", rows).drop("id")
    keep = cast.to_numpy() if cast.width else np.full((len(rows), 1), ABSTAIN)
    return shortlist(scores, llm.options, keep)
