"""What a rule is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import polars as pl

from wsal.arrays import Vote
from wsal.errors import UnknownNameError
from wsal.labels import LabelSet


@runtime_checkable
class Rule(Protocol):
    """Votes on columns of records (Snorkel calls it a labeling function). Holds settings only."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """`(texts,)` int16: a class, or `ABSTAIN`.

        `records` has the columns `id`, `text` and one a field (`fields`, a struct).

        Raises:
            UnknownNameError: the rule names a class or a field that the data does not have.
        """
        ...


@dataclass(frozen=True)
class Pattern:
    """Something to be found in a text: a regex, and, if it is about whole words, which."""

    regex: str
    case: bool
    words: tuple[str, ...] = ()
    """Exactly what the regex finds, standing as whole words; none: only the regex says it."""


@dataclass(frozen=True)
class Search:
    """What a pattern rule looks for; rules of this kind are compiled together."""

    label: str
    wanted: Pattern
    unless: Pattern | None
    fields: tuple[str, ...]


@runtime_checkable
class PatternRule(Rule, Protocol):
    """A rule that votes where a pattern is found."""

    def search(self) -> Search:
        """What is looked for, and where."""
        ...


def any_of(words: Sequence[str], *, whole: bool) -> str:
    r"""A regex of any of the words; a gap in a word stands for any.

    >>> any_of(["tea", "a  cup"], whole=False)
    '(?:tea|a\\s+cup)'
    """
    terms = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    return rf"(?:^|\W)(?:{terms})(?:\W|$)" if whole else f"(?:{terms})"


def flagged(pattern: Pattern) -> str:
    """The regex as the engine takes it."""
    return pattern.regex if pattern.case else f"(?i){pattern.regex}"


def field_names(records: pl.DataFrame) -> list[str]:
    """The names of the records' fields."""
    return [f.name for f in records.schema["fields"].fields]  # type: ignore[attr-defined]


def column(records: pl.DataFrame, field: str | None) -> pl.Series:
    """A field of the records (null where missing), or, for None, the whole text."""
    if field is None:
        return records["text"]
    names = field_names(records)
    if field not in names:
        raise UnknownNameError("field", field, names)
    return records["fields"].struct.field(field)
