"""A rule that maps the values of a field to classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import column
from wsal.rules.cleaning import class_of, clean_words
from wsal.rules.terms import Terms, Voted


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
        return self.vote_by_term(records, labels).votes[:, 0]

    def class_names(self) -> Iterable[str]:
        """The classes that values stand for."""
        return clean_words(list(self.values.values()), "values")

    def term_names(self) -> tuple[str, ...]:
        """The values; of those that differ only in case, the first."""
        return tuple(same[0] for same in self._by_key().values())

    def vote_by_term(self, records: pl.DataFrame, labels: LabelSet) -> Voted:
        """The votes `(records, 1)`, and the values that cast them.

        Raises:
            RuleError: two values that differ only in case stand for two classes.
        """
        by_key = self._by_key()
        classes = []
        for same in by_key.values():
            of_values = [class_of(labels, self.values[value]) for value in same]
            if len(set(of_values)) > 1:
                raise RuleError(
                    f"values {same} are the same when case is ignored, but stand for two classes; "
                    "give them one class"
                )
            classes.append(of_values[0])
        number = {key: i for i, key in enumerate(by_key)}
        values = column(records, self.field)
        terms = np.array([-1 if v is None else number.get(_fold(v), -1) for v in values], np.int32)
        votes = np.append(np.array(classes, dtype=np.int16), np.int16(ABSTAIN))[terms]
        rows = np.flatnonzero(terms >= 0)
        return Voted(votes[:, None], Terms.of(rows, np.zeros_like(rows), terms[rows]))

    def _by_key(self) -> dict[str, list[str]]:
        """Each folded value, and the values as they are written."""
        by_key: dict[str, list[str]] = {}
        cleaned = clean_words(list(self.values), "values")
        for value, key in zip(self.values, map(_fold, cleaned), strict=True):
            by_key.setdefault(key, []).append(value)
        return by_key


def _fold(value: str) -> str:
    return value.strip().casefold()
