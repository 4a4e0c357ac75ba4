"""From a language model's replies to rules. Nothing in them is trusted: each rule is checked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from wsal.errors import WsalError
from wsal.labels import LabelSet
from wsal.llm.prompts import repaired
from wsal.llm.questions import Prompt, Reply
from wsal.llm.reading import json_objects
from wsal.rules.base import Rule
from wsal.rules.cleaning import class_of, clean_words
from wsal.rules.patterns import Keyword, Regex
from wsal.rules.search import any_of

MAX_WORDS = 40  # of a rule
LONGEST_WORD = 60  # characters
LONGEST_PATTERN = 300  # characters
SHOWN = 60  # characters of something refused

EMPTY = pl.DataFrame(
    {"id": [""], "text": [""], "fields": [{"": ""}]},
    schema={"id": pl.String, "text": pl.String, "fields": pl.Struct({"": pl.String})},
)
"""A record without text: a rule that votes on it votes on every text."""


class UnreadableReplyError(WsalError):
    """A reply is not the JSON that was asked for."""


@dataclass(frozen=True)
class Draft:
    """A rule that the model wrote, with words as they occur in texts."""

    label: str
    words: tuple[str, ...]
    unless: tuple[str, ...]
    pattern: str | None

    def single(self, word: str) -> Keyword:
        """The rule, looking for one word only."""
        return Keyword(self.label, (word,), self.unless)

    def regex(self) -> Regex | None:
        """The rule that looks for the pattern."""
        if self.pattern is None:
            return None
        unless = rf"\b{any_of(self.unless, whole=False)}\b" if self.unless else None
        return Regex(self.label, self.pattern, unless)


@dataclass
class Drafts:
    """Rules that can be tried, and what was refused, with the reason."""

    rules: list[Draft] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def faulty(prompts: Sequence[Prompt], replies: Sequence[Reply]) -> dict[int, Prompt]:
    """The place of each reply that cannot be read, and the prompt that asks for it again."""
    repairs = {}
    for place, (prompt, reply) in enumerate(zip(prompts, replies, strict=False)):
        if reply.refused:
            continue
        try:
            read_reply(reply.content)
        except UnreadableReplyError as error:
            repairs[place] = repaired(prompt, reply.content, str(error))
    return repairs


def read_reply(content: str) -> list[Any]:
    """The list of rules in a reply, not checked yet. Text around the JSON is ignored.

    Raises:
        UnreadableReplyError: the reply holds no JSON object with a list `rules`.

    >>> read_reply('Here they are: {"rules": [1]}')
    [1]
    """
    lists = [o["rules"] for o in json_objects(content) if isinstance(o.get("rules"), list)]
    if not lists:
        raise UnreadableReplyError("it has no complete JSON object with a list `rules`")
    rules: list[Any] = lists[-1]  # models that reason write their answer last
    return rules


def drafts_of(replies: Sequence[Reply], labels: LabelSet) -> Drafts:
    """The rules in the replies, and what was refused."""
    drafts = Drafts()
    for reply in replies:
        try:
            rules = read_reply(reply.content)
        except UnreadableReplyError as error:
            drafts.refused.append(f"a whole reply, also after a second request: {error}")
            continue
        for rule in rules:
            try:
                _add(rule, labels, drafts)
            except (WsalError, TypeError, ValueError) as error:
                drafts.refused.append(f"{quoted(_json(rule))}: {error}")
    return drafts


def quoted(text: str) -> str:
    r"""The text as one short line that a comment in YAML can hold.

    >>> quoted("tea\n- pot"), len(quoted("tea" * 100))
    ("'tea\\n- pot'", 60)
    """
    line = repr(text)
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 4]}...'"


def _add(rule: Any, labels: LabelSet, drafts: Drafts) -> None:  # noqa: ANN401
    """Add a rule; its words are checked one by one, so that a bad one does not cost the rest."""
    if not isinstance(rule, dict):
        raise TypeError("expected an object with class, words, unless and pattern")
    if not isinstance(rule.get("class"), str):
        raise TypeError("it names no class")
    label = labels.names[class_of(labels, rule["class"])]
    unless = [_checked_word(word, "unless") for word in _texts(rule, "unless")[:MAX_WORDS]]
    words = []
    for word in _texts(rule, "words")[:MAX_WORDS]:
        try:
            words.append(_checked_word(word, "words"))
        except (WsalError, ValueError) as error:
            drafts.refused.append(f"a word for {label}, {quoted(word)}: {error}")
    draft = Draft(label, tuple(dict.fromkeys(words)), tuple(dict.fromkeys(unless)), None)
    if pattern := rule.get("pattern"):
        try:
            draft = replace(draft, pattern=_checked_pattern(pattern, label, labels))
        except (WsalError, TypeError, ValueError) as error:
            drafts.refused.append(f"a pattern for {label}, {quoted(str(pattern))}: {error}")
    if draft.words or draft.pattern:
        drafts.rules.append(draft)
    elif not _texts(rule, "words") and not pattern:
        raise ValueError("it has neither words nor a pattern")


def _checked_word(word: str, parameter: str) -> str:
    """The word as it occurs in texts."""
    (cleaned,) = clean_words([word], parameter)
    _check_text(cleaned, LONGEST_WORD)
    return cleaned


def _checked_pattern(pattern: Any, label: str, labels: LabelSet) -> str:  # noqa: ANN401
    """The pattern, if a rule can tell texts apart by it."""
    if not isinstance(pattern, str):
        raise TypeError("expected text")
    _check_text(pattern, LONGEST_PATTERN)
    rule: Rule = Regex(label, pattern)
    rule.vote(EMPTY.head(0), labels)  # refuses what the engine cannot match in linear time
    if rule.vote(EMPTY, labels)[0] >= 0:
        raise ValueError("it matches every text")
    return pattern


def _check_text(text: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(f"longer than {longest} characters")
    if not text.isprintable():
        raise ValueError("a character in it does not print, and no text has it")


def _texts(rule: dict[str, Any], key: str) -> list[str]:
    value = rule.get(key) or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"`{key}` is {quoted(_json(value))}; expected a list of texts")
    return value


def _json(value: Any) -> str:  # noqa: ANN401
    return json.dumps(value, ensure_ascii=False)
