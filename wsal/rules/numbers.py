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
MARK = "\ufdd0"  # put around what a group matches; a noncharacter, so no text has it


@dataclass(frozen=True)
class Number:
    r"""Votes `label` where a number is between `low` and `high`, both included.

    The number is the value of `field` or, with a `pattern`, what its first group matches, in the
    field if there is one, else in the whole text. Of several matches any one may be in the range.
    `1,299.00` is read; a decimal comma (`12,5`) is not. The rule abstains where there is no finite
    number.

    >>> from wsal.rules.testing import vote
    >>> screen = Number("tv", pattern=r"(\d+(?:\.\d+)?) ?inch", low=24)
    >>> vote(screen, "55 inch", "15.6 INCH", "inch", labels=["laptop", "tv"])
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
            RuleError: there are no bounds, or no number is between them; there is neither a field
                nor a pattern; the pattern has no group.
        """
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        pattern = None if self.pattern is None else clean_pattern(self.pattern)
        self._check(low, high, pattern)
        label = class_of(labels, self.label)
        values = column(records, self.field).cast(pl.String)
        rows = np.arange(len(values))
        if pattern is not None:
            rows, values = _matches(f"(?i){pattern}", values)
        numbers = _parsed(values)
        in_range = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        votes[rows[in_range]] = label
        return votes

    def _check(self, low: float, high: float, pattern: str | None) -> None:
        if (self.low is None and self.high is None) or not (self.field or self.pattern):
            raise RuleError("a number rule needs `low` or `high`, and `field` or `pattern`")
        if not low <= high:
            raise RuleError(f"no number is between low={low} and high={high}; swap them")
        if pattern is not None:
            check_pattern(Pattern(pattern, case=False))
            groups = pl.Series([""]).str.extract_groups(f"(?i){pattern}").struct.fields
            if not groups:
                raise RuleError(f"the pattern {self.pattern} has no group ( ) around the number")


def _matches(pattern: str, texts: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """What the first group matches, for every match, and the rows of the matches' texts."""
    hits = np.flatnonzero(texts.str.contains(pattern).fill_null(value=False).to_numpy())
    matching = texts.gather(hits).str.replace_all(MARK, " ", literal=True)
    # The matches are marked in the whole text, so that \b and ^ still see what is around them.
    marked = matching.str.replace_all(pattern, f"{MARK}${{1}}{MARK}")
    groups = marked.str.extract_all(f"{MARK}[^{MARK}]*{MARK}")
    values = groups.explode(empty_as_null=False, keep_nulls=False)
    return np.repeat(hits, groups.list.len().to_numpy()), values.str.strip_chars(MARK)


def _parsed(values: pl.Series) -> np.ndarray:
    """Each value as a number, NaN where it is not one."""
    values = values.str.strip_chars()
    has_thousands = values.str.contains(THOUSANDS).fill_null(value=False)
    without_commas = values.str.replace_all(",", "", literal=True)
    plain = without_commas.zip_with(has_thousands, values)
    return plain.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
