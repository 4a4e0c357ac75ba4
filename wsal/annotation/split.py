"""Which texts of a query a cascade gives to people, and what a language model answered to others.

Once people were asked, this stays as it is, like the query itself: their answers must be to texts
that they are still asked, whatever else of the run changes.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from wsal import schemas, tables
from wsal.annotation.audit import AUDIT

SPLIT_FILE = "split.parquet"  # in the round's folder
PEOPLE, MODEL, NOBODY = "people", "model", "nobody"
SPLIT: schemas.Schema = {**schemas.LLM_ANSWERS, "goes_to": pl.String}
"""One row per text of the query; the columns of an answer are null where there is none."""


def write_split(split: pl.DataFrame, round_dir: Path) -> None:
    """Write who answers what, completely or not at all."""
    temporary = round_dir / f".{SPLIT_FILE}"
    tables.write(split, temporary, SPLIT)
    temporary.replace(round_dir / SPLIT_FILE)


def read_split(round_dir: Path, query: pl.DataFrame) -> pl.DataFrame | None:
    """Who answers what of this query; None if that was not decided, or of another query.

    `query` has the columns `id` and `text`.
    """
    path = round_dir / SPLIT_FILE
    if not path.exists():
        return None
    split = tables.read(path, SPLIT)
    return split if split.select("id", "text").equals(query.select("id", "text")) else None


def forget_split(round_dir: Path) -> None:
    """Forget who answers what, because people are asked all of the query."""
    (round_dir / SPLIT_FILE).unlink(missing_ok=True)


def for_people(query: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """The rows of a query that people are asked.

    Texts of the audit lose their guess and their reason: then they look like texts that are shown
    without these anyway (evaluation texts, and a random share of the others).
    """
    audited = pl.col("id").is_in(audited_ids(split))
    ids = split.filter(pl.col("goes_to") == PEOPLE)["id"].to_list()
    return query.filter(pl.col("id").is_in(ids)).with_columns(
        predicted=pl.when(audited).then(-1).otherwise("predicted").cast(pl.Int16),
        reason=pl.when(audited).then(pl.lit("")).otherwise("reason"),
    )


def audited_ids(split: pl.DataFrame) -> list[str]:
    """The ids of texts on which people judge the language model without knowing it."""
    return split.filter(pl.col("reason") == AUDIT)["id"].to_list()


def answers_in(split: pl.DataFrame) -> pl.DataFrame:
    """All answers of the language model, columns of schemas.LLM_ANSWERS."""
    return split.drop_nulls("status").select(*schemas.LLM_ANSWERS)


def with_present_names(split: pl.DataFrame, renamed: Mapping[str, str]) -> pl.DataFrame:
    """The split, or any table of answers, with classes under their present names."""
    return split.with_columns(label=pl.col("label").replace(renamed))
