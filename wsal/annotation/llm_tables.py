"""The answers of a language model as the stages that asked it keep them."""

from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from wsal import schemas, tables
from wsal.artifacts import Artifact, Facts
from wsal.llm.questions import Answer

VOTES_FILE = "answers.parquet"  # in an artifact of the stage ask
ANSWERS_FILE = "llm_answers.parquet"  # in an artifact of annotations
SPENT = ("calls", "input_tokens", "output_tokens", "cost")


def answer_table(votes: Artifact | None, annotations: Sequence[Artifact]) -> pl.DataFrame:
    """All answers, those that vote beside the rules first, then round by round.

    The columns are those of schemas.LLM_ANSWERS; classes have the names of when they were answered.
    """
    paths = [votes.path / VOTES_FILE] if votes else []
    paths += [artifact.path / ANSWERS_FILE for artifact in annotations]
    parts = [tables.read(path, schemas.LLM_ANSWERS) for path in paths if path.exists()]
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
