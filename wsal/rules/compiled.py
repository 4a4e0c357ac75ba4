"""Many searches compiled together: one pass for all words, one lazy select for all regexes.

Words are found by the Aho-Corasick algorithm (1975) in folded texts (`normal.fold`). Finding a
single ASCII word decides the vote. Anything else that is found (phrases, signs, words whose case
matters) is only a candidate, which the rule's own regex confirms or rejects. So the votes are
always those of the regexes; a test compares thousands of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Votes
from wsal.labels import LabelSet
from wsal.rules.base import VoteRows, VotingContext, column
from wsal.rules.cleaning import class_of
from wsal.rules.normal import LOWER, fold, is_ascii, single_spaced, translate
from wsal.rules.search import Pattern, PatternRule, Search, any_of

MAX_WORDS = 500  # in one regex; more would exceed the engine's size limit
PLAIN_WORD = re.compile(r"[a-zA-Z0-9_]+")
# Patterns without capitals, with no ranges except of letters or digits, and without groups that set
# flags. In a lower-cased ASCII text they find what they find in the text in any case, but a third
# faster.
CLASS = r"\[\^?(?:[a-z]-[a-z]|[0-9]-[0-9]|\\[dsw.]|[a-z0-9 .,/'\"])+\]"
LITERAL = r"[a-z0-9 |*+,.^$'\"/%#@!:;<>=_)-]|\\[bdsw.+*?/()-]"
CASELESS = re.compile(rf"(?:{LITERAL}|\((?!\?)|\(\?:|[?{{}}]|{CLASS})*")


@dataclass(frozen=True)
class FieldPattern:
    """A pattern, and the field in which it is looked for (None: the whole text)."""

    pattern: Pattern
    field: str | None


def vote_patterns(rules: Mapping[str, PatternRule], context: VotingContext) -> VoteRows:
    """The votes of all rules, compiled together; see `wsal.rules.base.VoteTogether`."""
    vote = compile_searches([rule.search() for rule in rules.values()], context.labels)
    return lambda rows: vote(context.records[rows])


def compile_searches(
    searches: Sequence[Search], labels: LabelSet
) -> Callable[[pl.DataFrame], Votes]:
    """A function from records to votes `(records, searches)`.

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
    finders = _finders(list(numbers))

    def vote(records: pl.DataFrame) -> Votes:
        hits: list[np.ndarray] = [np.empty(0)] * len(numbers)
        for field, places, finder in finders:
            texts = column(records, field).cast(pl.String)
            for place, is_match in zip(places, finder.find(texts), strict=True):
                hits[place] = is_match
        votes = np.full((len(records), len(searches)), ABSTAIN, dtype=np.int16, order="F")
        for j, label in enumerate(classes):
            hit = np.logical_or.reduce([hits[i] for i in wanted[j]])
            if vetoes[j]:
                hit &= ~np.logical_or.reduce([hits[i] for i in vetoes[j]])
            votes[hit, j] = label
        return votes

    return vote


def _finders(
    patterns: Sequence[FieldPattern],
) -> list[tuple[str | None, list[int], "WordFinder | RegexFinder"]]:
    """For each field the finders to run on it, and the places of the patterns each looks for."""
    finders: list[tuple[str | None, list[int], WordFinder | RegexFinder]] = []
    for field in dict.fromkeys(each.field for each in patterns):
        words, regexes = list[int](), list[int]()
        for i, each in enumerate(patterns):
            if each.field == field:
                (words if _keys(each.pattern) else regexes).append(i)
        if words:
            finder = WordFinder.of([patterns[i].pattern for i in words])
            finders.append((field, words, finder))
        if regexes:
            finder_of_rest = RegexFinder(tuple(patterns[i].pattern for i in regexes))
            finders.append((field, regexes, finder_of_rest))
    return finders


@dataclass(frozen=True)
class RegexFinder:
    """Patterns that the regex engine looks for, all of them in one lazy select."""

    patterns: tuple[Pattern, ...]

    def find(self, texts: pl.Series) -> list[np.ndarray]:
        """For each pattern `(texts,)`: whether it is found."""
        plain = is_ascii(texts).to_numpy()
        if plain.all() or not plain.any():
            return self._select(texts, plain=bool(plain.all()))
        matches = [np.zeros(len(texts), dtype=bool) for _ in self.patterns]
        for rows, ascii_only in ((plain, True), (~plain, False)):
            hits_of_patterns = self._select(texts.filter(rows), plain=ascii_only)
            for matches_of_pattern, hits in zip(matches, hits_of_patterns, strict=True):
                matches_of_pattern[rows] = hits
        return matches

    def _select(self, texts: pl.Series, *, plain: bool) -> list[np.ndarray]:
        frame = pl.DataFrame({"as_is": texts})
        caseless = [
            plain and not p.case and bool(CASELESS.fullmatch(p.regex)) for p in self.patterns
        ]
        if any(caseless):
            frame = frame.with_columns(lower=translate(texts, LOWER))
        expressions = [
            pl.col("lower").str.contains(pattern.regex)
            if in_lower
            else pl.col("as_is").str.contains(pattern.with_flags())
            for pattern, in_lower in zip(self.patterns, caseless, strict=True)
        ]
        named = [hit.fill_null(value=False).alias(str(i)) for i, hit in enumerate(expressions)]
        return [hits.to_numpy() for hits in frame.lazy().select(named).collect()]


@dataclass(frozen=True)
class WordFinder:
    """Patterns of whole words, all found in one pass."""

    patterns: tuple[Pattern, ...]
    keys: pl.Enum
    """The words as they occur in folded texts, each between two spaces."""
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    """For each key a pattern that has it (-1: none), and whether finding the key decides it.

    A word that several patterns have is in several layers.
    """
    key_of_word: tuple[np.ndarray, ...]
    """For each pattern the keys of its words."""

    @classmethod
    def of(cls, patterns: Sequence[Pattern]) -> "WordFinder":
        """The words of all patterns, each of them once."""
        owners: dict[str, list[tuple[int, bool]]] = {}  # key -> patterns, and whether it decides
        keys = [_keys(pattern) for pattern in patterns]
        for i, pattern in enumerate(patterns):
            for word, key in zip(pattern.words, keys[i], strict=True):
                decides = not pattern.case and bool(PLAIN_WORD.fullmatch(word))
                owners.setdefault(f" {key} ", []).append((i, decides))
        layers = []
        for k in range(max(map(len, owners.values()))):
            pairs = [pairs[k] if k < len(pairs) else (-1, False) for pairs in owners.values()]
            columns = [np.array(values) for values in zip(*pairs, strict=True)]
            layers.append((columns[0], columns[1]))
        number = {key: k for k, key in enumerate(owners)}
        key_of_word = tuple(
            np.array([number[f" {key} "] for key in keys_of_pattern]) for keys_of_pattern in keys
        )
        return cls(tuple(patterns), pl.Enum(list(owners)), tuple(layers), key_of_word)

    def find(self, texts: pl.Series) -> list[np.ndarray]:
        """For each pattern `(texts,)`: whether one of its words is found."""
        rows, keys = find_keys(self.keys, texts)
        matches = np.zeros((len(texts), len(self.patterns)), dtype=bool, order="F")
        for owner_of_key, decides in self.layers:
            owner, sure = owner_of_key[keys], decides[keys]
            matches[rows[sure], owner[sure]] = True
            unsure = np.flatnonzero((owner >= 0) & ~sure)
            for i in np.unique(owner[unsure]):
                mine = unsure[owner[unsure] == i]
                candidates = np.unique(rows[mine])
                confirmed = self._confirmed(i, texts.gather(candidates), keys[mine])
                matches[candidates[confirmed], i] = True
        return [matches[:, i] for i in range(len(self.patterns))]

    def _confirmed(self, i: int, texts: pl.Series, keys: np.ndarray) -> np.ndarray:
        """Whether the i-th pattern is found, searching only for its words that have these keys."""
        pattern = self.patterns[i]
        possible = np.flatnonzero(np.isin(self.key_of_word[i], keys))
        matches = np.zeros(len(texts), dtype=bool)
        for first in range(0, len(possible), MAX_WORDS):
            words = [pattern.words[k] for k in possible[first : first + MAX_WORDS]]
            regex = Pattern(any_of(words, whole=True), pattern.case).with_flags()
            matches |= texts.str.contains(regex).to_numpy()
        return matches


def find_keys(
    keys: pl.Enum, texts: pl.Series, *, spaced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The rows and the keys of all places where a key occurs in a folded text, in any order.

    With `spaced`, any run of signs and spaces between two words counts as one space.
    """
    if texts.is_empty():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    gaps = not spaced and keys.categories.str.contains(r"\S\s+\S").any()
    if gaps and texts.str.contains(r"\s\s").any():
        texts = texts.str.replace_all(r"\s+", " ")
    plain = is_ascii(texts).to_numpy()
    order = np.concatenate([np.flatnonzero(plain), np.flatnonzero(~plain)])
    folded = fold(texts.filter(plain), ascii_only=True)
    if not plain.all():  # appended, so that the automaton is built only once
        folded = folded.append(fold(texts.filter(~plain), ascii_only=False))
    edged = pl.select(pl.concat_str(pl.lit(" "), folded, pl.lit(" "))).to_series()
    edged = single_spaced(edged) if spaced else edged
    hits = edged.str.extract_many(keys.categories.to_list(), overlapping=True)
    rows = np.repeat(order, hits.list.len().fill_null(0).to_numpy())
    matches = hits.explode(empty_as_null=False, keep_nulls=False).cast(keys).to_physical()
    return rows, matches.to_numpy().astype(np.int64)


def _keys(pattern: Pattern) -> list[str]:
    """The words in folded form; empty if one of them has signs only, which folding removes."""
    words = pl.Series([" ".join(word.split()) for word in pattern.words], dtype=pl.String)
    keys: list[str] = fold(words, ascii_only=bool(is_ascii(words).all())).to_list()
    return keys if all(key.strip() for key in keys) else []
