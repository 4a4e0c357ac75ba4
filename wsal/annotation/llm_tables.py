"""The answers of a language model as the stages that asked it keep them."""

from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from wsal import schemas, tables
from wsal.annotation.answers import names_since
from wsal.artifacts import Artifact, Facts
from wsal.llm.questions import Answer

VOTES_FILE = "answers.parquet"  # in an artifact of the stage ask
ANSWERS_FILE = "llm_answers.parquet"  # in an artifact of annotations
SPENT = ("calls", "input_tokens", "output_tokens", "cost")


def answer_table(
    votes: Artifact | None, annotations: Sequence[Artifact], pool: Artifact | None = None
) -> pl.DataFrame:
    """All answers, those that vote beside the rules first, then round by round.

    The columns are those of schemas.LLM_ANSWERS. Classes have the names of the pool or, without
    one, those of when they were answered.
    """
    files = [(votes, votes.path / VOTES_FILE)] if votes else []
    files += [(artifact, artifact.path / ANSWERS_FILE) for artifact in annotations]
    parts = []
    for artifact, path in files:
        if path.exists():
            names = {} if pool is None else names_since(pool, artifact)
            table = tables.read(path, schemas.LLM_ANSWERS)
            parts.append(table.with_columns(label=pl.col("label").replace(names)))
    return pl.concat([pl.DataFrame(schema=schemas.LLM_ANSWERS), *parts])


def table_of(ids: Sequence[str], answers: Sequence[Answer]) -> pl.DataFrame:
    """Answers to the texts with these ids: schemas.LLM_ANSWERS without text and reason."""
    rows = [{"id": i, **asdict(answer)} for i, answer in zip(ids, answers, strict=True)]
    schema = {n: kind for n, kind in schemas.LLM_ANSWERS.items() if n not in ("text", "reason")}
    return pl.DataFrame(rows, schema=schema)


def spent(answers: pl.DataFrame) -> Facts:
    """What answers took in all: `calls`, `input_tokens`, `output_tokens` and `cost`."""
    total: Facts = answers.select(pl.col(SPENT).sum()).row(0, named=True)
    return total
