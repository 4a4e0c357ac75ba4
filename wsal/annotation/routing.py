"""Each text of a query goes to the cheapest source that can be trusted with it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from wsal import schemas
from wsal.annotation import audit
from wsal.annotation.evidence import Evidence
from wsal.annotation.llm_tables import SPENT, table_of
from wsal.annotation.query import EARLY_REASON, REVIEW_REASON, Query
from wsal.annotation.split import MODEL, NOBODY, PEOPLE, SPLIT
from wsal.seeding import rng


@dataclass(frozen=True)
class Routing:
    """When the classifier or the language model is trusted; see `Cascade`."""

    accept: float
    rule_precision: float
    sure: float = 2.0  # confidence of the classifier; above 1: it is never trusted
    audit: float = 0.0
    returned: Collection[str] = ()  # classes that people answer
    otherwise: str = "are left unanswered"  # what becomes of texts that the budget leaves over


def route(query: Query, evidence: Evidence, settings: Routing) -> pl.DataFrame:
    """Ask the language model, and decide who answers which text: columns of split.SPLIT.

    Raises:
        LLMError: see `LLM.ask`.
    """
    first = query.table.select("id", "text", reason=_not_for_model(query, settings.sure))
    open_texts = first.filter(pl.col("reason").is_null())
    # Answers that voted beside the rules are used again: these texts are neither asked nor paid.
    votes = evidence.votes.drop("id", "reason").unique("text", keep="last")
    voted = open_texts.drop("reason").join(votes, on="text", maintain_order="left")
    asked = open_texts.join(voted, on="id", how="anti", maintain_order="left")["id"].to_list()
    questions = [evidence.questions[text_id] for text_id in asked]
    replies = evidence.llm.ask(questions, f"round {int(query.round_dir.name)}")
    if replies.stopped:
        n = len(asked) - len(replies.answers)
        query.notes.append(f"{replies.stopped}; {n} texts {settings.otherwise}")
    answers = table_of(asked[: len(replies.answers)], replies.answers)
    voted = voted.with_columns(pl.lit(0).alias(name) for name in SPENT)
    answers = pl.concat([voted.select(answers.columns).cast(answers.schema), answers])
    table = first
    for more in (answers, evidence.rules):
        table = table.join(more, on="id", how="left", maintain_order="left")
    calibration = audit.calibration_of(
        _with(evidence.known, table), settings.rule_precision, settings.returned
    )
    confidence = table["confidence"].fill_null(0.0).to_numpy()
    reasons = [
        row["reason"] or _reason(row, probability, settings)
        for row, probability in zip(
            table.iter_rows(named=True), calibration(confidence).tolist(), strict=True
        )
    ]
    split = table.with_columns(reason=pl.Series(reasons, dtype=pl.String))
    return split.with_columns(goes_to=_goes_to()).select(*SPLIT)


def everything_to_people(query: Query, reason: str) -> pl.DataFrame:
    """A split in which people answer everything."""
    empty = pl.DataFrame(schema=SPLIT).drop("id", "text", "reason", "goes_to")
    table = query.table.select("id", "text", reason=pl.lit(reason), goes_to=pl.lit(PEOPLE))
    return pl.concat([table, empty], how="diagonal").select(*SPLIT)


def _not_for_model(query: Query, sure: float) -> pl.Expr:
    """Why the language model is not asked about a text; null if it is."""
    is_sure = (pl.col("confidence") >= sure) & (pl.col("predicted") >= 0)
    return (
        pl.when(pl.col("purpose") == schemas.EVALUATE)
        .then(pl.lit(audit.EVALUATION))
        .when(pl.col("reason") == REVIEW_REASON)
        .then(pl.lit(audit.ASKED_AGAIN))
        .when(pl.col("reason") == EARLY_REASON)
        .then(pl.lit(audit.EARLY))
        .when(pl.col("id").is_in(list(query.gone)))
        .then(pl.lit(audit.GONE))
        .when(is_sure)
        .then(pl.lit(audit.SURE))
        .otherwise(pl.lit(None, pl.String))
    )


def _reason(row: dict[str, Any], probability: float, settings: Routing) -> str:
    """Why the answer to a text is accepted or not; it is right with this probability."""
    if row["status"] is None:
        return audit.STOPPED
    if row["status"] != "class":
        return str(row["status"])
    is_precise = row["rule_label"] and row["rule_probability"] >= settings.rule_precision
    if is_precise and row["rule_label"] != row["label"]:
        return audit.CONTRADICTS
    if probability < settings.accept:
        return audit.UNSURE
    if row["label"] in settings.returned:
        return audit.RETURNED
    is_audited = rng(0, "audit", row["id"]).random() < settings.audit  # the same after a kill
    return audit.AUDIT if is_audited else audit.ACCEPTED


def _goes_to() -> pl.Expr:
    return (
        pl.when(pl.col("reason") == audit.ACCEPTED)
        .then(pl.lit(MODEL))
        .when(pl.col("reason") == audit.SURE)
        .then(pl.lit(NOBODY))
        .otherwise(pl.lit(PEOPLE))
    )


def _with(known: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """What was known, and the new answers, which nobody has judged yet."""
    new = table.drop_nulls("status").with_columns(people=pl.lit(None, pl.String), reason=pl.lit(""))
    known = pl.concat([known, new.select(*audit.KNOWN)])
    return known.unique("text", keep="first", maintain_order=True)
