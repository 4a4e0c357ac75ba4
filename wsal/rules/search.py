"""What Keyword and Regex rules look for: patterns, in some fields, unless others are found."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import column
from wsal.rules.cleaning import class_of


@dataclass(frozen=True)
class Pattern:
    """Something to find in a text: a regex and, if it stands for whole words, those words."""

    regex: str
    case: bool
    """Whether upper and lower case are different."""
    words: tuple[str, ...] = ()
    """The regex finds exactly these; empty if only the regex says what to find."""
    whole: bool = True
    """Whether the words are found as whole words only."""

    def with_flags(self) -> str:
        """The regex as the engine takes it.

        >>> Pattern("tea", case=False).with_flags()
        '(?i)tea'
        """
        return self.regex if self.case else f"(?i){self.regex}"

    def only(self, numbers: Iterable[int]) -> str:
        """The regex, with flags, for some of its words."""
        words = [self.words[i] for i in numbers]
        return Pattern(any_of(words, whole=self.whole), self.case).with_flags()


@dataclass(frozen=True)
class Search:
    """The class to vote for where a pattern is found and another is not."""

    label: str
    pattern: Pattern
    unless: Pattern | None
    fields: tuple[str, ...]
    """The fields to look in; empty for the whole text."""


class PatternRule(Protocol):
    """A rule that votes where a search succeeds."""

    def search(self) -> Search:
        """What the rule looks for, and where."""
        ...


def any_of(words: Sequence[str], *, whole: bool) -> str:
    r"""A regex of any of the words; white space in a word matches any white space.

    >>> any_of(["tea", "a  cup"], whole=False)
    '(?:tea|a\\s+cup)'
    """
    terms = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    return rf"(?:^|\W)(?:{terms})(?:\W|$)" if whole else f"(?:{terms})"


def check_search(search: Search, labels: LabelSet, records: pl.DataFrame) -> None:
    """Report what is wrong with a search before any text is read.

    Raises:
        UnknownNameError: a class or a field is unknown.
        RuleError: a regex is refused; see `check_pattern`.
    """
    class_of(labels, search.label)
    for field in search.fields:
        column(records, field)
    for pattern in (search.pattern, search.unless):
        # Whole words are escaped and found without the regex, hence always valid.
        if pattern is not None and not (pattern.words and pattern.whole):
            check_pattern(pattern)


def check_pattern(pattern: Pattern) -> None:
    """Refuse a pattern that the engine cannot match in time linear in the text.

    Raises:
        RuleError: look-around, a back-reference, a syntax error, or too large a pattern.
    """
    try:
        pl.Series([""]).str.contains(pattern.with_flags())
    except pl.exceptions.ComputeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = " ".join(line for line in lines if "error:" in line) or " ".join(lines)
        hint = ""
        if "supported" in reason:
            hint = "; look-around and back-references are not supported (use `unless`)"
        raise RuleError(
            f"the pattern {pattern.regex} is not a regex that runs in linear time: {reason}{hint}"
        ) from error
