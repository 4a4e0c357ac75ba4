"""A rule that maps the values of a field to classes."""

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
    """Votes for the class that a field's value stands for; case and outer spaces are ignored.

    Values are cleaned as the fields of the data are.

    >>> from wsal.rules.testing import vote
    >>> vote(Lookup("brand", {"Acme": "tv"}), "a", labels=["laptop", "tv"], brand="ACME ")
    [1]
    """

    field: str
    values: Mapping[str, str]
    """A value of the field -> the class."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class of each record's value; `ABSTAIN` where the value is not listed.

        Raises:
            RuleError: two values that differ only in case stand for two classes.
        """
        classes: dict[str, int] = {}
        keys = [_fold(value) for value in clean_words(list(self.values), "values")]
        for key, name in zip(keys, self.values.values(), strict=True):
            label = class_of(labels, name)
            if classes.setdefault(key, label) != label:
                same = [v for v, other in zip(self.values, keys, strict=True) if other == key]
                raise RuleError(
                    f"values {same} are the same when case is ignored, but stand for two classes; "
                    "give them one class"
                )
        votes = [
            ABSTAIN if value is None else classes.get(_fold(value), ABSTAIN)
            for value in column(records, self.field)
        ]
        return np.array(votes, dtype=np.int16)


def _fold(value: str) -> str:
    return value.strip().casefold()
