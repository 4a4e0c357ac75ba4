"""A rule about a number: a price, a size, a capacity."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import column
from wsal.rules.cleaning import class_of, clean_pattern
from wsal.rules.search import Pattern, check_pattern

THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
MARK = "\ufdd0"  # stands around what a group found; Unicode keeps it out of texts


@dataclass(frozen=True)
class Number:
    r"""Votes `label` where a number lies from `low` to `high`, both included.

    The number is the value of `field` or, with a `pattern`, what its first group finds, in the
    field or else the whole text; of several matches any may lie in the range. `1,299.00` is read;
    a decimal comma (`12,5`) is not. What is no finite number makes the rule abstain.

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
        """The class where a number is in the range, else `ABSTAIN`.

        Raises:
            RuleError: no bound is given, or they enclose nothing; neither field nor pattern is
                given, or the pattern lacks a group.
        """
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        pattern = None if self.pattern is None else clean_pattern(self.pattern)
        self._check(low, high, pattern)
        wanted = class_of(labels, self.label)
        values = column(records, self.field).cast(pl.String)
        rows = np.arange(len(values))
        if pattern is not None:
            rows, values = _matches(f"(?i){pattern}", values)
        numbers = _parsed(values)
        inside = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        votes[rows[inside]] = wanted
        return votes

    def _check(self, low: float, high: float, pattern: str | None) -> None:
        if (self.low is None and self.high is None) or not (self.field or self.pattern):
            raise RuleError("a number rule needs `low` or `high`, and `field` or `pattern`")
        if not low <= high:
            raise RuleError(f"no number lies from low={low} to high={high}; exchange them")
        if pattern is not None:
            check_pattern(Pattern(pattern, case=False))
            groups = pl.Series([""]).str.extract_groups(f"(?i){pattern}").struct.fields
            if not groups:
                raise RuleError(f"the pattern {self.pattern} has no group ( ) around the number")


def _matches(pattern: str, texts: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """What the first group found in each match, and the rows of the texts it was found in."""
    hits = np.flatnonzero(texts.str.contains(pattern).fill_null(value=False).to_numpy())
    some = texts.gather(hits).str.replace_all(MARK, " ", literal=True)
    marked = some.str.replace_all(pattern, f"{MARK}${{1}}{MARK}")  # in place: \b and ^ still hold
    found = marked.str.extract_all(f"{MARK}[^{MARK}]*{MARK}")
    values = found.explode(empty_as_null=False, keep_nulls=False)
    return np.repeat(hits, found.list.len().to_numpy()), values.str.strip_chars(MARK)


def _parsed(values: pl.Series) -> np.ndarray:
    """Each value as a number, NaN where it is none."""
    values = values.str.strip_chars()
    grouped = values.str.contains(THOUSANDS).fill_null(value=False)
    plain = values.str.replace_all(",", "", literal=True).zip_with(grouped, values)
    return plain.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
