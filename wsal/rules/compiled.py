"""Pattern rules compiled together: one pass for all words, one lazy select for all regexes.

Words are found by the Aho-Corasick algorithm (1975) in folded texts (`normal.fold`). A found single
ASCII word is a hit; anything else that is found (phrases, signs, capitals that matter) is only a
candidate, on which the rule's own regex has the last word. So votes are those of the regexes.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Votes
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import Pattern, Search, any_of, column, flagged
from wsal.rules.cleaning import class_of
from wsal.rules.normal import LOWER, fold, is_ascii, single_spaced, translate

AT_ONCE = 500  # words in one regex; more would pass the engine's limit of size
PLAIN_WORD = re.compile(r"[a-zA-Z0-9_]+")
# Patterns that find in a lower-cased ASCII text what they find in the text in any case: a third
# faster. No capitals, no ranges but of letters or digits, no groups with flags.
CLASS = r"\[\^?(?:[a-z]-[a-z]|[0-9]-[0-9]|\\[dsw.]|[a-z0-9 .,/'\"])+\]"
CASELESS = re.compile(rf"(?:[a-z0-9 |*+,.^$'\"/%#@!:;<>=_)-]|\\[bdsw.+*?/()-]|\((?!\?)|\(\?:|[?{{}}]|{CLASS})*")  # fmt: skip  # noqa: E501


@dataclass(frozen=True)
class Place:
    """A pattern that is looked for in one column: a column of the matrix of what was found."""

    pattern: Pattern
    field: str | None


def compile_searches(
    searches: Sequence[Search], labels: LabelSet
) -> Callable[[pl.DataFrame], Votes]:
    """A function from records to votes `(texts, searches)`, for searches that `check` let pass."""
    wanted = [class_of(labels, one.label) for one in searches]
    places: dict[Place, int] = {}
    of_search = []
    for one in searches:
        both = []
        for pattern in (one.wanted, one.unless):
            found = [Place(pattern, f) for f in one.fields or (None,)] if pattern else []
            both.append([places.setdefault(place, len(places)) for place in found])
        of_search.append(both)
    finders = _finders(list(places))

    def vote(records: pl.DataFrame) -> Votes:
        found: list[np.ndarray] = [np.empty(0)] * len(places)
        for field, which, finder in finders:
            texts = column(records, field).cast(pl.String)
            for i, hits in zip(which, finder.find(texts), strict=True):
                found[i] = hits
        votes = np.full((len(records), len(searches)), ABSTAIN, dtype=np.int16, order="F")
        for j, (looked, vetoes) in enumerate(of_search):
            hit = np.logical_or.reduce([found[p] for p in looked])
            if vetoes:
                hit &= ~np.logical_or.reduce([found[p] for p in vetoes])
            votes[hit, j] = wanted[j]
        return votes

    return vote


def _finders(
    places: Sequence[Place],
) -> list[tuple[str | None, list[int], "Words | Regexes"]]:
    """For each column what is looked for in it, and which places that answers."""
    found: list[tuple[str | None, list[int], Words | Regexes]] = []
    for field in dict.fromkeys(place.field for place in places):
        here = [i for i, place in enumerate(places) if place.field == field]
        worded = [i for i in here if _keys(places[i].pattern)]
        others = [i for i in here if i not in set(worded)]
        if worded:
            found.append((field, worded, Words.of([places[i].pattern for i in worded])))
        if others:
            found.append((field, others, Regexes(tuple(places[i].pattern for i in others))))
    return found


def check(search: Search, labels: LabelSet, records: pl.DataFrame) -> None:
    """Say what is wrong with a search before any text is read.

    Raises:
        UnknownNameError: a class or a field is unknown. RuleError: a regex is refused.
    """
    class_of(labels, search.label)
    for field in search.fields:
        column(records, field)
    for pattern in (search.wanted, search.unless):
        if pattern is not None and not pattern.words:  # words are escaped: nothing to refuse
            refuse(pattern)


def refuse(pattern: Pattern) -> None:
    """Refuse a pattern that the engine has no linear-time machine for, and say why.

    Raises:
        RuleError: look-around, a back-reference, a syntax error, or too large a pattern.
    """
    try:
        pl.Series([""]).str.contains(flagged(pattern))
    except pl.exceptions.ComputeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = " ".join(line for line in lines if "error:" in line) or " ".join(lines)
        hint = (
            "; look-around and back-references must go (use `unless`)"
            if "supported" in reason
            else ""
        )
        raise RuleError(
            f"the pattern {pattern.regex} is no regex of linear time: {reason}{hint}"
        ) from error


@dataclass(frozen=True)
class Regexes:
    """Patterns that the regex engine looks for, all of them in one lazy select."""

    patterns: tuple[Pattern, ...]

    def find(self, texts: pl.Series) -> list[np.ndarray]:
        """For each pattern `(texts,)`: whether it is found."""
        plain = is_ascii(texts).to_numpy()
        if plain.all() or not plain.any():
            return self._select(texts, plain=bool(plain.all()))
        found = [np.zeros(len(texts), dtype=bool) for _ in self.patterns]
        for rows, ascii_only in ((plain, True), (~plain, False)):
            for one, hits in zip(
                found, self._select(texts.filter(rows), plain=ascii_only), strict=True
            ):
                one[rows] = hits
        return found

    def _select(self, texts: pl.Series, *, plain: bool) -> list[np.ndarray]:
        caseless = [
            plain and not p.case and bool(CASELESS.fullmatch(p.regex)) for p in self.patterns
        ]
        frame = pl.DataFrame({"as_is": texts})
        if any(caseless):
            frame = frame.with_columns(lower=translate(texts, LOWER))
        wanted = [
            pl.col("lower").str.contains(p.regex)
            if lower
            else pl.col("as_is").str.contains(flagged(p))
            for p, lower in zip(self.patterns, caseless, strict=True)
        ]
        named = [one.fill_null(value=False).alias(str(i)) for i, one in enumerate(wanted)]
        return [hits.to_numpy() for hits in frame.lazy().select(named).collect()]


@dataclass(frozen=True)
class Words:
    """Patterns of whole words, found in one pass for all of them."""

    patterns: tuple[Pattern, ...]
    keys: pl.Enum
    """The words as they stand in folded texts, each between two spaces."""
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    """For each key a pattern it belongs to (-1: none), and whether it says all of it; a word that
    several patterns have comes in several layers."""
    key_of_word: tuple[np.ndarray, ...]
    """For each pattern the keys of its words."""

    @classmethod
    def of(cls, patterns: Sequence[Pattern]) -> "Words":
        """The words of all patterns, each once."""
        of_key: dict[str, list[tuple[int, bool]]] = {}
        keys = [_keys(pattern) for pattern in patterns]
        for i, pattern in enumerate(patterns):
            for word, key in zip(pattern.words, keys[i], strict=True):
                exact = not pattern.case and bool(PLAIN_WORD.fullmatch(word))
                of_key.setdefault(f" {key} ", []).append((i, exact))
        layers = []
        for k in range(max(map(len, of_key.values()))):
            pairs = [pairs[k] if k < len(pairs) else (-1, False) for pairs in of_key.values()]
            columns = [np.array(values) for values in zip(*pairs, strict=True)]
            layers.append((columns[0], columns[1]))
        place = {key: k for k, key in enumerate(of_key)}
        key_of_word = tuple(np.array([place[f" {key} "] for key in some]) for some in keys)
        return cls(tuple(patterns), pl.Enum(list(of_key)), tuple(layers), key_of_word)

    def find(self, texts: pl.Series) -> list[np.ndarray]:
        """For each pattern `(texts,)`: whether one of its words is found."""
        rows, keys = find_keys(self.keys, texts)
        found = np.zeros((len(texts), len(self.patterns)), dtype=bool, order="F")
        for which, exact in self.layers:
            of_hit, sure = which[keys], exact[keys]
            found[rows[sure], of_hit[sure]] = True
            unsure = np.flatnonzero((of_hit >= 0) & ~sure)
            for i in np.unique(of_hit[unsure]):
                mine = unsure[of_hit[unsure] == i]
                candidates = np.unique(rows[mine])
                confirmed = self._confirmed(i, texts.gather(candidates), keys[mine])
                found[candidates[confirmed], i] = True
        return [found[:, i] for i in range(len(self.patterns))]

    def _confirmed(self, i: int, texts: pl.Series, keys: np.ndarray) -> np.ndarray:
        """Whether the i-th pattern is found, asking for those of its words alone that may be."""
        pattern = self.patterns[i]
        near = np.flatnonzero(np.isin(self.key_of_word[i], keys))
        seen = np.zeros(len(texts), dtype=bool)
        for first in range(0, len(near), AT_ONCE):
            words = [pattern.words[k] for k in near[first : first + AT_ONCE]]
            regex = flagged(Pattern(any_of(words, whole=True), pattern.case))
            seen |= texts.str.contains(regex).to_numpy()
        return seen


def find_keys(
    keys: pl.Enum, texts: pl.Series, *, spaced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The rows and the keys of all places where a key stands in a folded text, in any order.

    With `spaced`, any signs and spaces between two words count as one space.
    """
    if texts.is_empty():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    gaps = not spaced and keys.categories.str.contains(r"\S\s+\S").any()
    if gaps and texts.str.contains(r"\s\s").any():
        texts = texts.str.replace_all(r"\s+", " ")
    plain = is_ascii(texts).to_numpy()
    order = np.concatenate([np.flatnonzero(plain), np.flatnonzero(~plain)])
    folded = fold(texts.filter(plain), ascii_only=True)
    if not plain.all():  # together again: the automaton is built but once
        folded = folded.append(fold(texts.filter(~plain), ascii_only=False))
    edged = pl.select(pl.concat_str(pl.lit(" "), folded, pl.lit(" "))).to_series()
    edged = single_spaced(edged) if spaced else edged
    hits = edged.str.extract_many(keys.categories.to_list(), overlapping=True)
    rows = np.repeat(order, hits.list.len().fill_null(0).to_numpy())
    found = hits.explode(empty_as_null=False, keep_nulls=False).cast(keys).to_physical()
    return rows, found.to_numpy().astype(np.int64)


def _keys(pattern: Pattern) -> list[str]:
    """The words as they stand in folded texts; none if one of them is all signs."""
    words = pl.Series([" ".join(word.split()) for word in pattern.words], dtype=pl.String)
    keys: list[str] = fold(words, ascii_only=bool(is_ascii(words).all())).to_list()
    return keys if all(key.strip() for key in keys) else []
