"""What people's answers say about a language model's: its calibration, and classes it fails on."""

from collections.abc import Collection

import numpy as np
import polars as pl
from scipy.special import betaincinv

from wsal.annotation.answers import is_llm
from wsal.annotation.majority import majority_labels
from wsal.llm.calibration import Calibration, calibrate

# Why a text of a query goes where it goes; where the model answered, the `reason` in its table.
EVALUATION, ASKED_AGAIN, GONE = "evaluation", "asked again", "no longer in the pool"
ASKED_BEFORE, EARLY = "given to people before", "answered early by people"
SURE, STOPPED = "the classifier is sure", "not asked: budget"
ACCEPTED, AUDIT, UNSURE = "accepted", "audit", "not sure enough"
CONTRADICTS, RETURNED = "contradicts a precise rule", "class returned to people"

PRIOR_AUDITS = 10.0  # audited answers that the precision over all classes counts as in each class
QUANTILE = 0.1  # of the posterior: the lower bound
ENOUGH = 30.0  # answers that people judged, from which on agreement with rules counts for nothing
RULES_COUNT = 0.3  # answers of people that the agreement with a rule counts as, at most

KNOWN = {
    "text": pl.String,
    "label": pl.String,
    "confidence": pl.Float32,
    "status": pl.String,
    "reason": pl.String,
    "people": pl.String,  # what people answered; null: they were not asked, or skipped it
    "rule_label": pl.String,  # the likeliest class by the rules alone; null: no rule voted
    "rule_probability": pl.Float32,
}
"""Columns of a table of answers of the model, with what else is known of their texts."""


def with_people(answers: pl.DataFrame, annotations: pl.DataFrame) -> pl.DataFrame:
    """Answers of a language model, with a column `people`: the label that people gave each text.

    `annotations` has the columns of schemas.ANNOTATIONS, oldest first.
    """
    people = majority_labels(annotations.filter(~is_llm()), "text").rename({"label": "people"})
    return answers.join(people, on="text", how="left", maintain_order="left")


def calibration_of(
    known: pl.DataFrame, rule_precision: float, returned: Collection[str] = ()
) -> Calibration:
    """The calibration of a model's confidence, for answers that contradict no precise rule.

    Answers that name one of the `returned` classes are left out, too: none of them is accepted.

    It is fitted to answers that people judged. While there are few, agreement with rules whose weak
    label has at least the probability `rule_precision` counts a little, too: an answer is right
    with that probability if it names the same class, otherwise wrong with it. Rules cover easier
    texts than the model is asked about.

    People see all unsure answers, and of the sure ones a random share (the audit). At a given
    confidence, those they see are therefore as good as those they do not. This does not hold for
    answers that contradict a rule, which people always see: they are left out.
    """
    named = known.filter(
        pl.col("status") == "class",
        pl.col("reason") != CONTRADICTS,
        ~pl.col("label").is_in(list(returned)),
    )
    is_precise = (pl.col("rule_probability") >= rule_precision).fill_null(value=False)
    contradicts = is_precise & (pl.col("label") != pl.col("rule_label"))
    judged = named.drop_nulls("people").filter(~contradicts)
    by_rules = named.filter(pl.col("people").is_null() & is_precise)
    left = max(ENOUGH - len(judged), 0.0) / max(len(by_rules), 1)
    agrees = (by_rules["label"] == by_rules["rule_label"]).to_numpy()
    p = by_rules["rule_probability"].to_numpy().astype(np.float64)
    return calibrate(
        np.concatenate([judged["confidence"].to_numpy(), by_rules["confidence"].to_numpy()]),
        np.concatenate(
            [(judged["label"] == judged["people"]).to_numpy(), np.where(agrees, p, 1 - p)]
        ),
        np.concatenate([np.ones(len(judged)), np.full(len(by_rules), min(RULES_COUNT, left))]),
    )


def returned_classes(known: pl.DataFrame, least: float) -> list[str]:
    """The classes whose answers people give from now on, sorted; see `fails`.

    Only answers that would be accepted count: audited ones, and those of returned classes, all of
    which people see, so that a class can come back.
    """
    judged = known.drop_nulls("people").filter(
        pl.col("reason").is_in([AUDIT, RETURNED]) & (pl.col("status") == "class")
    )
    right = pl.col("label") == pl.col("people")
    audited = judged.filter(pl.col("reason") == AUDIT).select(right).to_series()
    counts = judged.group_by("label").agg(right=right.sum(), n=pl.len()).sort("label")
    precision = (int(audited.sum()) + 0.5) / (len(audited) + 1)  # Jeffreys
    bad = fails(counts["right"].to_numpy(), counts["n"].to_numpy(), precision, least)
    return counts["label"].filter(pl.Series(bad, dtype=pl.Boolean)).to_list()


def fails(n_right: np.ndarray, n_audited: np.ndarray, precision: float, least: float) -> np.ndarray:
    """Whether the lower bound of each class's precision is below `least`, `(classes,)` bool.

    The bound is the 10% quantile of a Beta posterior, whose prior counts as ten audited answers of
    which the share `precision` was right. A class of which no audited answer was wrong does not
    fail: an audit of few answers must not return every class by its width alone.

    >>> fails(np.array([0, 3, 9, 2]), np.array([0, 3, 10, 6]), 0.9, 0.75).tolist()
    [False, False, False, True]
    """
    bounds = lower_bounds(n_right, n_audited, precision)
    failing: np.ndarray = (bounds < least) & (n_right < n_audited)
    return failing


def lower_bounds(n_right: np.ndarray, n_audited: np.ndarray, precision: float) -> np.ndarray:
    """The lower bound of the precision of each class, `(classes,)`; see `fails`."""
    a = PRIOR_AUDITS * precision + n_right
    b = PRIOR_AUDITS * (1 - precision) + n_audited - n_right
    bounds: np.ndarray = betaincinv(a, b, QUANTILE)
    return bounds
