"""The pieces of a text that rules matched, to be marked on the page."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import polars as pl

from wsal.errors import RuleError
from wsal.rules.cleaning import clean_pattern, clean_words
from wsal.rules.search import Pattern


def highlights(text: str, rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """The pieces of the text that keywords and regexes of these rules matched.

    Users' regexes run in the engine that the rules use, which takes time linear in the text;
    Python's takes practically forever on some of them. Keywords are literal, so Python's is safe.
    """
    pieces: dict[str, None] = {}
    for rule in rules:
        with suppress(RuleError):  # edited since the votes, and invalid now: show no highlight
            pieces |= dict.fromkeys(_matches(text, rule))
    return list(pieces)


def _matches(text: str, rule: Mapping[str, Any]) -> list[str]:
    case, whole = bool(rule.get("case")), bool(rule.get("whole_words", True))
    words, pattern = rule.get("words") or [], rule.get("pattern")
    pieces = []
    for regex in _word_regexes(tuple(map(str, words)), whole=whole):
        matches = re.finditer(regex, text, 0 if case else re.IGNORECASE)
        pieces += [match.group() for match in matches if match.group()]
    if isinstance(pattern, str):
        pieces += _linear_matches(text, Pattern(clean_pattern(pattern), case).with_flags())
    return pieces


@lru_cache(maxsize=1_000)  # the same rules match many texts
def _word_regexes(words: tuple[str, ...], *, whole: bool) -> list[str]:
    literals = (
        r"\s+".join(map(re.escape, word.split())) for word in clean_words(list(words), "words")
    )
    return [rf"(?<!\w){literal}(?!\w)" if whole else literal for literal in literals]


def _linear_matches(text: str, regex: str) -> list[str]:
    """All matches of a regex; none if it is invalid, since highlights are optional."""
    try:
        return [piece for piece in pl.Series([text]).str.extract_all(regex)[0] if piece]
    except pl.exceptions.ComputeError:
        return []
