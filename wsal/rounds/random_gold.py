"""Whether people's answers are to random texts, or to hard ones that a strategy chose."""

from collections.abc import Sequence

import polars as pl

from wsal import schemas
from wsal.active.strategies import DRAWN
from wsal.artifacts import Artifact


def drawn_at_random(asked: pl.DataFrame) -> bool:
    """Whether all texts of a query (columns `purpose`, `reason`) to train on were drawn at random.

    >>> drawn_at_random(pl.DataFrame({"purpose": ["train"], "reason": ["margin"]}))
    False
    """
    to_train_on = asked.filter(pl.col("purpose") == schemas.TRAIN)
    return bool((to_train_on["reason"] == DRAWN).all())


def has_random_gold(annotations: Sequence[Artifact]) -> bool:
    """Whether people answered random texts in all rounds.

    Gold of random texts says how often votes and answers are right in the whole pool; that of texts
    that a strategy chose does not.
    """
    return bool(annotations) and all(a.facts.get("random", False) for a in annotations)
