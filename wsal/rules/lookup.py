"""A rule that knows what a column's values stand for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import column
from wsal.rules.cleaning import class_of, clean_words


@dataclass(frozen=True)
class Lookup:
    """Votes for the class that a field's value stands for; case and outer spaces do not count.

    Values are cleaned as the fields of the data are.

    >>> from wsal.rules.testing import vote
    >>> vote(Lookup("brand", {"Acme": "tv"}), "a", labels=("laptop", "tv"), brand="ACME ")
    [1]
    """

    field: str
    values: Mapping[str, str]
    """A value of the field -> the class."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class of each record's value, `ABSTAIN` where the value is not listed."""
        classes: dict[str, int] = {}
        keys = [_fold(value) for value in clean_words(list(self.values), "values")]
        for key, label in zip(keys, self.values.values(), strict=True):
            wanted = class_of(labels, label)
            if classes.setdefault(key, wanted) != wanted:
                both = [v for v, other in zip(self.values, keys, strict=True) if other == key]
                raise RuleError(f"values {both} are one, and stand for two classes; name one")
        values = column(records, self.field)
        return np.array(
            [ABSTAIN if v is None else classes.get(_fold(v), ABSTAIN) for v in values],
            dtype=np.int16,
        )


def _fold(value: str) -> str:
    return value.strip().casefold()
