"""Rules that look for words or patterns. The engine is linear in the text: nothing can hang."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from wsal.arrays import ABSTAIN, Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import column


@dataclass(frozen=True)
class Keyword:
    """Votes `label` where any of the words occurs and none of `unless` does.

    >>> from wsal.rules.testing import vote
    >>> refund = Keyword(label="refund", words=("refund", "money  back"), unless=("no refund",))
    >>> vote(refund, "I want my Money Back!", "refunding", "no refund", labels=("other", "refund"))
    [1, -1, -1]
    """

    label: str
    words: Annotated[tuple[str, ...], Field(min_length=1)]
    unless: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    """Fields to look in; none stands for the whole text."""
    case: bool = False
    """Whether capitals must be the same."""
    whole_words: bool = True

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class where a word stands in one of the fields, else `ABSTAIN`."""
        pattern, veto = self._any_of(self.words), self._any_of(self.unless)
        return _vote(records, labels, self.label, pattern, veto, self.fields, case=self.case)

    def _any_of(self, words: Sequence[str]) -> str | None:
        terms = [r"\s+".join(re.escape(part) for part in word.split()) for word in words]
        if not all(terms):
            raise RuleError(
                f"an empty word in {list(words)}; give words to look for, or take it out"
            )
        joined = "|".join(terms)
        edges = (r"(?:^|\W)(?:", r")(?:\W|$)") if self.whole_words else ("(?:", ")")
        return edges[0] + joined + edges[1] if terms else None


@dataclass(frozen=True)
class Regex:
    r"""Votes `label` where the pattern is found and `unless` is not (Rust's regex syntax).

    Look-around and back-references are not in that syntax: they are what makes a regex hang.

    >>> from wsal.rules.testing import vote
    >>> vote(Regex(label="tv", pattern=r"\b\d\d\s?inch", unless="laptop"),
    ...      "55 inch smart", "15 inch laptop", "inch", labels=("laptop", "tv"))
    [1, -1, -1]
    """

    label: str
    pattern: str
    unless: str | None = None
    fields: tuple[str, ...] = ()
    case: bool = False

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class where the pattern is found in one of the fields, else `ABSTAIN`."""
        return _vote(
            records, labels, self.label, self.pattern, self.unless, self.fields, case=self.case
        )


def _vote(
    records: pl.DataFrame,
    labels: LabelSet,
    label: str,
    pattern: str | None,
    veto: str | None,
    fields: Sequence[str],
    *,
    case: bool,
) -> Vote:
    wanted = labels.index(label)
    hit = np.zeros(len(records), dtype=bool)
    vetoed = np.zeros(len(records), dtype=bool)
    for field in fields or (None,):
        texts = column(records, field)
        hit |= _found(texts, pattern, case=case)
        vetoed |= _found(texts, veto, case=case)
    return np.where(hit & ~vetoed, wanted, ABSTAIN).astype(np.int16)


def _found(texts: pl.Series, pattern: str | None, *, case: bool) -> np.ndarray:
    if pattern is None:
        return np.zeros(len(texts), dtype=bool)
    try:
        found = texts.str.contains(pattern if case else f"(?i){pattern}")
    except pl.exceptions.ComputeError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines() if "error:" in line)
        hint = (
            "; look-around and back-references must go (use `unless`)"
            if "supported" in reason
            else ""
        )
        raise RuleError(
            f"the pattern {pattern} is no regex of linear time: {reason}{hint}"
        ) from error
    return found.fill_null(value=False).to_numpy()
