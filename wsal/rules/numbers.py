"""A rule about a number: a price, a size, a capacity."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import Pattern, column
from wsal.rules.compiled import refuse

THOUSANDS = r"^\d{1,3}(,\d{3})+(\.\d+)?$"


@dataclass(frozen=True)
class Number:
    r"""Votes `label` where a number lies from `low` to `high`, both included.

    The number is the value of `field` or, with a `pattern`, what its first group finds first.
    `1,299.00` is read; a decimal comma is not, and what is no number makes the rule abstain.

    >>> from wsal.rules.testing import vote
    >>> screen = Number(label="tv", pattern=r"(\d+(?:\.\d+)?) ?inch", low=24)
    >>> vote(screen, "55 inch", "15.6 INCH", "inch", labels=("laptop", "tv"))
    [1, -1, -1]
    """

    label: str
    field: str | None = None
    pattern: str | None = None
    low: float | None = None
    high: float | None = None

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class where the number is in the range, else `ABSTAIN`.

        Raises:
            RuleError: no bound is given, or neither field nor pattern, or the pattern lacks a
                group.
        """
        if (self.low is None and self.high is None) or not (self.field or self.pattern):
            raise RuleError("a number rule needs `low` or `high`, and `field` or `pattern`")
        values = column(records, self.field).cast(pl.String).str.strip_chars()
        if self.pattern is not None:
            refuse(Pattern(self.pattern, case=False))
            if "(" not in self.pattern:
                raise RuleError(f"the pattern {self.pattern} has no group ( ) around the number")
            values = values.str.extract(f"(?i){self.pattern}", 1)
        plain = pl.select(
            pl.when(values.str.contains(THOUSANDS))
            .then(values.str.replace_all(",", "", literal=True))
            .otherwise(values)
        ).to_series()
        numbers = plain.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        wanted = labels.index(self.label)
        inside = (numbers >= low) & (numbers <= high)
        return np.where(inside, wanted, ABSTAIN).astype(np.int16)
