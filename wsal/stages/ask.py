"""Let a language model vote on a sample of the pool, beside the rules."""

from pathlib import Path

import polars as pl

from wsal import schemas, tables
from wsal.annotation.llm_tables import VOTES_FILE, spent, table_of
from wsal.artifacts import Artifact, Facts
from wsal.errors import ConfigError
from wsal.llm.asking import open_llm
from wsal.llm.settings import LLMSettings
from wsal.rounds.llm_questions import vote_questions
from wsal.settings import EvaluationSettings


def ask(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    llm: LLMSettings | None = None,
    evaluation: EvaluationSettings,
    seed: int,
) -> Facts:
    """pool.parquet, votes.parquet -> answers.parquet, a row for each text that was answered.

    Where the budget ends sooner, the texts that were asked until then are what there is.

    Raises:
        ConfigError: there is no language model.
        LLMError: the server fails; what was answered until then is in the cache of the run.
    """
    run_dir = pool.path.parent
    model = open_llm(llm, run_dir) if llm else None
    if llm is None or model is None:
        raise ConfigError(
            "no language model is configured, so there is nothing to ask; choose one, for example "
            "llm=local llm.model=NAME"
        )
    sample, questions = vote_questions(pool, votes, llm, evaluation, seed)
    replies = model.ask(questions, "vote")
    n = len(replies.answers)
    records = tables.take(pool.path / "pool.parquet", sample.rows[:n]).select("id", "text")
    reasons = pl.Series(sample.reasons[:n], dtype=pl.String)
    answers = table_of(records["id"].to_list(), replies.answers)
    answers = answers.with_columns(text=records["text"], reason=reasons)
    tables.write(answers.select(*schemas.LLM_ANSWERS), out / VOTES_FILE, schemas.LLM_ANSWERS)
    return {
        "n_asked": n,
        "n_planned": len(questions),
        "reasons": _counts(reasons),
        "statuses": _counts(answers["status"]),
        "stopped": replies.stopped,
        "llm": spent(answers),
    }


def _counts(values: pl.Series) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    return dict(values.value_counts(sort=True).iter_rows())
