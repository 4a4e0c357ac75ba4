"""Rules that look for words or patterns. The engine is linear in the text: nothing can hang."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import polars as pl
from pydantic import Field

from wsal.arrays import Vote
from wsal.labels import LabelSet
from wsal.rules.base import Pattern, Search, any_of
from wsal.rules.cleaning import clean_pattern, clean_words
from wsal.rules.compiled import check, compile_searches


@dataclass(frozen=True)
class Keyword:
    """Votes `label` where any of the words occurs and none of `unless` does.

    Words are cleaned as texts are, so that they can be written as the source writes them.

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
        return _vote(self.search(), records, labels)

    def search(self) -> Search:
        """The words as a regex, and as words.

        Raises:
            RuleError: a word is empty, or holds a control character.
        """
        wanted = self._any_of(clean_words(self.words, "words"))
        unless = self._any_of(clean_words(self.unless, "unless"))
        return Search(self.label, wanted, unless if self.unless else None, self.fields)

    def _any_of(self, words: Sequence[str]) -> Pattern:
        whole = tuple(words) if self.whole_words else ()
        return Pattern(any_of(words, whole=self.whole_words), self.case, whole)


@dataclass(frozen=True)
class Regex:
    r"""Votes `label` where the pattern is found and `unless` is not (Rust's regex syntax).

    Look-around and back-references are not in that syntax: they are what makes a regex hang.
    Literal characters are cleaned as texts are.

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
        return _vote(self.search(), records, labels)

    def search(self) -> Search:
        """The pattern, its literal characters as texts have them.

        Raises:
            RuleError: it looks for what no text can hold; see `clean_pattern`.
        """
        wanted = Pattern(clean_pattern(self.pattern), self.case)
        unless = None if self.unless is None else Pattern(clean_pattern(self.unless), self.case)
        return Search(self.label, wanted, unless, self.fields)


def _vote(search: Search, records: pl.DataFrame, labels: LabelSet) -> Vote:
    """One rule alone."""
    check(search, labels, records)
    return compile_searches([search], labels)(records)[:, 0]
