"""What a language model's labels cost, and what they are worth beside those of people."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.special import betaincinv

from wsal.annotation.answers import read_annotations
from wsal.annotation.audit import AUDIT, with_people
from wsal.annotation.llm_tables import SPENT, answer_table, spent
from wsal.artifacts import Artifact, Facts

PAID_ONCE = ("text", "label", "confidence", "source", "status", *SPENT)
QUANTILES = (0.1, 0.5, 0.9)  # the median, and the ends of an 80% interval


def llm_facts(
    llm_votes: Artifact | None, annotations: Sequence[Artifact], classifiers: Sequence[Artifact]
) -> Facts:
    """What a language model did for the classifiers, and what it cost; empty if it did nothing.

    Returns:
        `calls`, `input_tokens`, `output_tokens` and `cost` of all answers; `rounds_cost` of those
        in rounds. `labels`: how many labels of its own each classifier was fine-tuned on. `audited`
        and `right`: how many of these, drawn at random, people judged without knowing it, and how
        often they agreed. `worth`: of a label, see `worth_of`, as low end, median and high end;
        None if nothing was audited.
    """
    votes, rounds = answer_table(llm_votes, []), answer_table(None, annotations)
    if votes.is_empty() and rounds.is_empty():
        return {}
    # The same answer to the same text a second time came from the cache, and was paid once.
    paid = pl.concat([votes, rounds]).unique(PAID_ONCE, keep="first", maintain_order=True)
    total = spent(paid)
    audited, right = _audited(rounds, annotations)
    return {
        **total,
        "rounds_cost": total["cost"] - votes["cost"].sum(),
        "labels": [classifier.facts.get("n_llm", 0) for classifier in classifiers],
        "audited": audited,
        "right": right,
        "worth": worth_of(right, audited),
    }


def worth_of(n_right: int, n_audited: int) -> list[float] | None:
    """How many labels of people a label is worth that is right with the precision audited.

    Learning from labels of which a share p is right is as slow as learning from `(2 p - 1) ** 2`
    times as many right ones, where there are two classes (Angluin & Laird, 1988) and errors are
    random; with more classes, a label is worth more than that. The interval, of 80%, is that of p
    (Jeffreys).

    Returns:
        The low end, the median and the high end, each in [0, 1]; None if nothing was audited.

    >>> [round(worth, 2) for worth in worth_of(95, 100)]
    [0.69, 0.8, 0.89]
    """
    if not n_audited:
        return None
    precision = betaincinv(n_right + 0.5, n_audited - n_right + 0.5, QUANTILES)
    worth: list[float] = (np.maximum(2 * precision - 1, 0) ** 2).tolist()
    return worth


def _audited(answers: pl.DataFrame, annotations: Sequence[Artifact]) -> tuple[int, int]:
    """How many answers of the audit people judged, and how many they agreed with."""
    audit = answers.filter(pl.col("reason") == AUDIT)
    if audit.is_empty():
        return 0, 0
    by_people = pl.concat([read_annotations(a.path / "annotations.parquet") for a in annotations])
    judged = with_people(audit, by_people).drop_nulls("people")
    return len(judged), int((judged["label"] == judged["people"]).sum())
