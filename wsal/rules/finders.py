"""Find many patterns in many texts at once, and say which of their words are found.

Words are found by the Aho-Corasick algorithm (1975) in folded texts (`normal.fold`). Finding a
single ASCII word is enough. Anything else that is found (phrases, signs, words whose case matters)
is only a candidate, which the word's regex confirms or rejects.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.rules.normal import LOWER, fold, is_ascii, single_spaced, translate
from wsal.rules.search import Pattern

MAX_WORDS = 500  # in one regex; more would exceed the engine's size limit
PLAIN_WORD = re.compile(r"[a-zA-Z0-9_]+")
# Patterns without capitals, with no ranges except of letters or digits, and without groups that set
# flags. In a lower-cased ASCII text they find what they find in the text in any case, but a third
# faster.
CLASS = r"\[\^?(?:[a-z]-[a-z]|[0-9]-[0-9]|\\[dsw.]|[a-z0-9 .,/'\"])+\]"
LITERAL = r"[a-z0-9 |*+,.^$'\"/%#@!:;<>=_)-]|\\[bdsw.+*?/()-]"
CASELESS = re.compile(rf"(?:{LITERAL}|\((?!\?)|\(\?:|[?{{}}]|{CLASS})*")


@dataclass(frozen=True)
class FoundWords:
    """Entries that say that a word of a pattern is in a text, in any order, maybe repeated."""

    rows: np.ndarray
    patterns: np.ndarray
    words: np.ndarray


@dataclass(frozen=True)
class RegexFinder:
    """Patterns that the regex engine looks for, all of them in one lazy select."""

    patterns: tuple[Pattern, ...]

    def find(self, texts: pl.Series) -> tuple[list[np.ndarray], list[FoundWords]]:
        """For each pattern `(texts,)` whether it is found; and which of the patterns' words are."""
        matches = self._matches(texts)
        words = [
            FoundWords(rows, np.full(len(rows), i), np.full(len(rows), word))
            for i, pattern in enumerate(self.patterns)
            for word, rows in _words_in(
                pattern, texts, np.flatnonzero(matches[i]), range(len(pattern.words))
            )
        ]
        return matches, words

    def _matches(self, texts: pl.Series) -> list[np.ndarray]:
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


def _words_in(
    pattern: Pattern, texts: pl.Series, rows: np.ndarray, words: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Each of the words that is found, and the rows with it.

    Args:
        pattern: has the words.
        texts: all texts.
        rows: the texts in which one of these words is found.
        words: numbers of words. A half of them is looked for first, and only if it is found its
            own half: a text costs little more than the logarithm of their number.
    """
    if len(words) == 1 and len(rows):
        yield words[0], rows
    if len(words) < 2 or not len(rows):
        return
    middle = len(words) // 2
    for half in (words[:middle], words[middle:]):
        hits = texts.gather(rows).str.contains(pattern.only(half)).to_numpy()
        yield from _words_in(pattern, texts, rows[hits], half)


@dataclass(frozen=True)
class Layer:
    """For each key a pattern that has it (-1: none), its word, and whether the key decides."""

    pattern: np.ndarray
    word: np.ndarray
    decides: np.ndarray


@dataclass(frozen=True)
class WordFinder:
    """Patterns of whole words, all found in one pass."""

    patterns: tuple[Pattern, ...]
    keys: pl.Enum
    """The words as they occur in folded texts, each between two spaces."""
    layers: tuple[Layer, ...]
    """A word that several patterns have is in several layers."""

    @classmethod
    def of(cls, patterns: Sequence[Pattern]) -> "WordFinder":
        """The words of all patterns, each of them once."""
        owners: dict[str, list[tuple[int, int, bool]]] = {}  # key -> pattern, word, decides
        for i, pattern in enumerate(patterns):
            for w, (word, key) in enumerate(zip(pattern.words, keys_of(pattern), strict=True)):
                decides = not pattern.case and bool(PLAIN_WORD.fullmatch(word))
                owners.setdefault(f" {key} ", []).append((i, w, decides))
        layers = []
        for k in range(max(map(len, owners.values()))):
            entries = [own[k] if k < len(own) else (-1, -1, False) for own in owners.values()]
            columns = [np.array(values) for values in zip(*entries, strict=True)]
            layers.append(Layer(columns[0], columns[1], columns[2]))
        return cls(tuple(patterns), pl.Enum(list(owners)), tuple(layers))

    def find(self, texts: pl.Series) -> tuple[list[np.ndarray], list[FoundWords]]:
        """For each pattern `(texts,)` whether it is found; and which of the patterns' words are."""
        all_rows, all_keys = find_keys(self.keys, texts)
        matches = np.zeros((len(texts), len(self.patterns)), dtype=bool, order="F")
        found = []
        for layer in self.layers:
            owned = layer.pattern[all_keys] >= 0
            rows, keys = all_rows[owned], all_keys[owned]
            patterns, words, sure = layer.pattern[keys], layer.word[keys], layer.decides[keys]
            unsure = np.flatnonzero(~sure)
            for i in np.unique(patterns[unsure]):
                mine = unsure[patterns[unsure] == i]
                sure[mine] = _confirmed(self.patterns[i], texts, rows[mine], words[mine])
            found.append(FoundWords(rows[sure], patterns[sure], words[sure]))
            matches[found[-1].rows, found[-1].patterns] = True
        return [matches[:, i] for i in range(len(self.patterns))], found


def _confirmed(
    pattern: Pattern, texts: pl.Series, rows: np.ndarray, words: np.ndarray
) -> np.ndarray:
    """Whether the text in each of these rows has the word beside it.

    Many words are looked for together if no text is asked for two of them.
    """
    numbers = np.unique(words)
    if len(numbers) == 1 or (len(numbers) <= MAX_WORDS and len(np.unique(rows)) == len(rows)):
        confirmed: np.ndarray = texts.gather(rows).str.contains(pattern.only(numbers)).to_numpy()
        return confirmed
    low = words < numbers[len(numbers) // 2]
    confirmed = np.empty(len(rows), dtype=bool)
    for half in (low, ~low):
        confirmed[half] = _confirmed(pattern, texts, rows[half], words[half])
    return confirmed


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


def keys_of(pattern: Pattern) -> list[str]:
    """The words in folded form; empty if they are not to be found in folded texts.

    That is so if they may be parts of words, or if one has signs only, which folding removes.
    """
    if not pattern.whole:
        return []
    words = pl.Series([" ".join(word.split()) for word in pattern.words], dtype=pl.String)
    keys: list[str] = fold(words, ascii_only=bool(is_ascii(words).all())).to_list()
    return keys if all(key.strip() for key in keys) else []
