"""Let every rule vote on every record."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from wsal.arrays import Votes
from wsal.errors import RuleError, WsalError
from wsal.labels import LabelSet
from wsal.rules.base import Rule


def collect_votes(rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet) -> Votes:
    """The vote matrix `(texts, rules)`; columns in the order of the rules.

    Raises:
        RuleError: a rule cannot vote; the message begins with its name.
    """
    votes = np.empty((len(records), len(rules)), dtype=np.int16, order="F")
    for j, (name, one) in enumerate(rules.items()):
        try:
            votes[:, j] = one.vote(records, labels)
        except WsalError as error:
            raise RuleError(f"rule {name!r}: {error}") from error
    return votes
