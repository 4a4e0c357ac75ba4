"""Many searches compiled together: one pass for all words, one lazy select for all regexes.

The votes are always those of the rules' own regexes; a test compares thousands of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Votes
from wsal.labels import LabelSet
from wsal.rules.base import VoteRows, VotingContext, column
from wsal.rules.cleaning import class_of
from wsal.rules.finders import FoundWords, RegexFinder, WordFinder, keys_of
from wsal.rules.search import Pattern, PatternRule, Search
from wsal.rules.terms import Terms, Voted


@dataclass(frozen=True)
class FieldPattern:
    """A pattern, and the field in which it is looked for (None: the whole text)."""

    pattern: Pattern
    field: str | None


def vote_patterns(rules: Mapping[str, PatternRule], context: VotingContext) -> VoteRows:
    """The votes of all rules, compiled together; see `wsal.rules.base.VoteTogether`."""
    vote = compile_searches([rule.search() for rule in rules.values()], context.labels)
    return lambda records, _first: vote(records)


def compile_searches(
    searches: Sequence[Search], labels: LabelSet
) -> Callable[[pl.DataFrame], Voted]:
    """A function from records to votes `(records, searches)`, and the words that cast them.

    The searches must have passed `check_search`.
    """
    classes = [class_of(labels, search.label) for search in searches]
    numbers: dict[FieldPattern, int] = {}  # a pattern that several rules look for is numbered once

    def numbered(pattern: Pattern | None, search: Search) -> list[int]:
        if pattern is None:
            return []
        patterns = [FieldPattern(pattern, field) for field in search.fields or (None,)]
        return [numbers.setdefault(each, len(numbers)) for each in patterns]

    wanted = [numbered(search.pattern, search) for search in searches]
    vetoes = [numbered(search.unless, search) for search in searches]
    finders = _finders(list(numbers), {i for patterns in wanted for i in patterns})

    searches_of = _layers(wanted, len(numbers))

    def vote(records: pl.DataFrame) -> Voted:
        hits: list[np.ndarray] = [np.empty(0)] * len(numbers)
        found_words: list[FoundWords] = []
        for field, places, finder in finders:
            texts = column(records, field).cast(pl.String)
            matches, words = finder.find(texts)
            for place, is_match in zip(places, matches, strict=True):
                hits[place] = is_match
            found_words += [
                FoundWords(w.rows, np.array(places)[w.patterns], w.words) for w in words
            ]
        votes = np.full((len(records), len(searches)), ABSTAIN, dtype=np.int16, order="F")
        for j, label in enumerate(classes):
            hit = np.logical_or.reduce([hits[i] for i in wanted[j]])
            if vetoes[j]:
                hit &= ~np.logical_or.reduce([hits[i] for i in vetoes[j]])
            votes[hit, j] = label
        return Voted(votes, Terms.joined(list(_terms(found_words, searches_of, votes))))

    return vote


def _layers(wanted: Sequence[Sequence[int]], n_patterns: int) -> list[np.ndarray]:
    """Arrays `(patterns,)` with a search that wants the pattern (-1: none), as many as needed."""
    of_pattern: list[list[int]] = [[] for _ in range(n_patterns)]
    for search, patterns in enumerate(wanted):
        for pattern in patterns:
            of_pattern[pattern].append(search)
    most = max(map(len, of_pattern), default=0)
    return [np.array([s[k] if k < len(s) else -1 for s in of_pattern]) for k in range(most)]


def _terms(
    found_words: Sequence[FoundWords], searches_of: Sequence[np.ndarray], votes: Votes
) -> Iterator[Terms]:
    """The found words that cast one of the votes; patterns are those of all searches."""
    for words in found_words:
        for search_of in searches_of:
            search = search_of[words.patterns]
            cast = (search >= 0) & (votes[words.rows, search] != ABSTAIN)
            yield Terms.of(words.rows[cast], search[cast], words.words[cast])


def _finders(
    patterns: Sequence[FieldPattern], wanted: set[int]
) -> list[tuple[str | None, list[int], WordFinder | RegexFinder]]:
    """For each field the finders to run on it, and the places of the patterns each looks for.

    A pattern that no rule votes by, but only rules texts out by, need not name the words found.
    """
    finders: list[tuple[str | None, list[int], WordFinder | RegexFinder]] = []
    for field in dict.fromkeys(each.field for each in patterns):
        words, regexes = list[int](), list[int]()
        for i, each in enumerate(patterns):
            if each.field == field:
                (words if keys_of(each.pattern) else regexes).append(i)
        if words:
            finder = WordFinder.of([patterns[i].pattern for i in words])
            finders.append((field, words, finder))
        if regexes:
            rest = [patterns[i].pattern for i in regexes]
            rest = [
                p if i in wanted else replace(p, words=())
                for i, p in zip(regexes, rest, strict=True)
            ]
            finders.append((field, regexes, RegexFinder(tuple(rest))))
    return finders
