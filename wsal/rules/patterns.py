"""Keyword and Regex: rules that vote where words or a pattern are found.

The engine is Rust's, which is linear in the text, so that no pattern can hang.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from wsal.arrays import Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import Strings, as_tuple
from wsal.rules.cleaning import clean_pattern, clean_words
from wsal.rules.compiled import compile_searches, vote_patterns
from wsal.rules.search import Pattern, Search, any_of, check_search


@dataclass(frozen=True)
class Keyword:
    """Votes `label` where any of the words occurs and none of `unless` does.

    Words are cleaned as texts are, so that they can be written as the source writes them.

    >>> from wsal.rules.testing import vote
    >>> refund = Keyword("refund", ["refund", "money  back"], unless=["no refund"])
    >>> vote(refund, "I want my Money Back!", "refunding", "no refund", labels=["other", "refund"])
    [1, -1, -1]
    """

    label: str
    words: Annotated[Strings, Field(min_length=1)]
    unless: Strings = ()
    fields: Strings = ()
    """Fields to look in; empty for the whole text."""
    case: bool = False
    """Whether upper and lower case are different."""
    whole_words: bool = True

    vote_together = staticmethod(vote_patterns)

    def __post_init__(self) -> None:
        """Make tuples of lists.

        Raises:
            RuleError: `words`, `unless` or `fields` is a single text; there are no words.
        """
        for name in ("words", "unless", "fields"):
            object.__setattr__(self, name, as_tuple(getattr(self, name), name))
        if not self.words:
            raise RuleError(f"the keyword rule for {self.label!r} has no words; give at least one")

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class where a word occurs in one of the fields, else `ABSTAIN`."""
        return _vote_alone(self.search(), records, labels)

    def term_names(self) -> tuple[str, ...]:
        """The words as they are looked for, each of them once.

        Raises:
            RuleError: a word is empty, or has a control character.

        >>> Keyword("tea", ["Green Tea", "green  tea", "matcha"]).term_names()
        ('Green Tea', 'matcha')
        """
        first: dict[str, str] = {}
        for word in clean_words(self.words, "words"):
            spaced = " ".join(word.split())
            # Beyond ASCII, lower case is not the same for Python and for the regex engine.
            same = spaced if self.case or not word.isascii() else spaced.lower()
            first.setdefault(same, word)
        return tuple(first.values())

    def search(self) -> Search:
        """The words as patterns.

        Raises:
            RuleError: a word is empty, or has a control character.
        """
        pattern = self._any_of(self.term_names())
        unless = self._any_of(clean_words(self.unless, "unless")) if self.unless else None
        return Search(self.label, pattern, unless, tuple(self.fields))

    def _any_of(self, words: Sequence[str]) -> Pattern:
        regex = any_of(words, whole=self.whole_words)
        return Pattern(regex, self.case, tuple(words), self.whole_words)


@dataclass(frozen=True)
class Regex:
    r"""Votes `label` where the pattern is found and `unless` is not (Rust's regex syntax).

    Look-around and back-references are not in that syntax: they are what makes a regex hang.
    Literal characters are cleaned as texts are.

    >>> from wsal.rules.testing import vote
    >>> screen = Regex("tv", r"\b\d\d\s?inch", unless="laptop")
    >>> vote(screen, "55 inch smart", "15 inch laptop", "inch", labels=["laptop", "tv"])
    [1, -1, -1]
    """

    label: str
    pattern: str
    unless: str | None = None
    fields: Strings = ()
    """Fields to look in; empty for the whole text."""
    case: bool = False
    """Whether upper and lower case are different."""

    vote_together = staticmethod(vote_patterns)

    def __post_init__(self) -> None:
        """Make a tuple of a list.

        Raises:
            RuleError: `fields` is a single text.
        """
        object.__setattr__(self, "fields", as_tuple(self.fields, "fields"))

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The class where the pattern is found in one of the fields, else `ABSTAIN`."""
        return _vote_alone(self.search(), records, labels)

    def search(self) -> Search:
        """The patterns, with their literal characters as texts have them.

        Raises:
            RuleError: a pattern can match no cleaned text; see `clean_pattern`.
        """
        pattern = Pattern(clean_pattern(self.pattern), self.case)
        unless = None if self.unless is None else Pattern(clean_pattern(self.unless), self.case)
        return Search(self.label, pattern, unless, tuple(self.fields))


def _vote_alone(search: Search, records: pl.DataFrame, labels: LabelSet) -> Vote:
    check_search(search, labels, records)
    if records.is_empty():  # a rule is only being checked: nothing to compile
        return np.empty(0, dtype=np.int16)
    return compile_searches([search], labels)(records).votes[:, 0]
