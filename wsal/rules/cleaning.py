r"""Cleans what rules look for in the same way as the texts in which they look.

Texts are cleaned before any rule sees them: `m²` becomes `m2`, a curly quote a straight one, a soft
hyphen is removed. A word or pattern that is written as in the source has to be cleaned alike, or it
would never be found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from wsal.errors import RuleError, UnknownNameError
from wsal.labels import NONE, LabelSet
from wsal.text import clean_text

UNCHANGED = re.compile(r"(?! )(?!.*  )[ -%'-~]*")  # ASCII without & or a double space
CODE = r"\\(?:[xuU]\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
SPACE = r"\\[tnrfv]"
QUANTIFIER = r"(?:[*+?]|\{[\d, ]*\})\??"
SYNTAX = rf"\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]?|\\[pPb]\{{[^}}]*\}}|{QUANTIFIER}|[\^$.|()]|\\(?s:.)"
PIECE = re.compile(rf"(?P<code>{CODE}|{SPACE})|(?P<syntax>{SYNTAX})|(?P<set>\[)|(?s:.)")
IN_SET = re.compile(rf"\[:\^?\w+:\]|\[\^?|\]|&&|--|~~|\\[pP]\{{[^}}]*\}}|{CODE}|\\(?s:.)|(?s:.)")
MAX_RANGE = 1000  # characters of a range that are looked at one by one


def clean_words(words: Sequence[str], parameter: str) -> tuple[str, ...]:
    """The words as they occur in texts.

    Raises:
        RuleError: a word is empty or has a control character; the message names the `parameter`.

    >>> clean_words(["Levi\u2019s", "3  m\u00b2"], "words")
    ("Levi's", '3 m2')
    """
    cleaned = []
    for word in words:
        _refuse_control(word, f"{parameter} has {word!r}, with the control character")
        cleaned.append(clean_text(word) or "")
    empty = [word for word, text in zip(words, cleaned, strict=True) if not text]
    if empty:
        raise RuleError(
            f"an empty word in {parameter} {list(words)}: {', '.join(map(repr, empty))}; give "
            "words to look for, or take it out"
        )
    return tuple(cleaned)


def clean_pattern(regex: str) -> str:
    r"""The regex with its literal characters as they occur in texts.

    A character that cleaning turns into several becomes a group, so that a quantifier after it
    still applies to all of it. What matches many characters (`.`, `\w`, a wide range) stays as it is.

    Raises:
        RuleError: the regex has a control character or a line break, or a class of characters with
            one that cleaning turns into several.

    >>> clean_pattern("\\d ?m\u00b2"), clean_pattern("\u00bd? inch"), clean_pattern("m[\u00b2\u00b3]")
    ('\\d ?m2', '(?:1⁄2)? inch', 'm[23]')
    """  # noqa: E501
    _refuse_control(regex, f"the pattern {regex!r} has the control character")
    verbose = bool(re.match(r"\(\?[a-zA-Z]*x", regex))
    if not verbose and re.search(r"[\n\r]", regex):
        raise RuleError(
            f"the pattern {regex!r} has a line break, which no text has: write it on one line, in "
            "single quotes, or begin it with (?x), which ignores white space"
        )
    if UNCHANGED.fullmatch(regex) and not re.search(rf"{CODE}|{SPACE}", regex):
        return regex
    return "".join(_cleaned_pieces(regex, verbose=verbose))


def class_of(labels: LabelSet, name: str) -> int:
    """The code of the class or parent that a rule names; the name is cleaned as in the data.

    Raises:
        RuleError: the rule names `NONE`.
        UnknownNameError: no class and no parent has this name.
    """
    try:
        code = labels.code(name)
    except UnknownNameError:
        cleaned = clean_text(name) if isinstance(name, str) else None
        try:
            code = labels.code(cleaned or name)
        except UnknownNameError:
            raise UnknownNameError("label", name, [*labels.names, *labels.parents]) from None
    if code == len(labels):
        raise RuleError(
            f"a rule cannot vote for {NONE!r}: only people and language models answer that a text "
            "belongs to no class; let the rule abstain"
        )
    return code


def _refuse_control(text: str, start: str) -> None:
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\t\n\r":
            raise RuleError(
                f"{start} U+{ord(character):04X}, which no text has; in double quotes, YAML reads "
                r"\b as a backspace: use single quotes in YAML, as in '\bcoffee\b'"
            )


def _cleaned_pieces(regex: str, *, verbose: bool) -> Iterator[str]:
    """The regex, piece by piece; literal characters that follow each other are cleaned together.

    In a `verbose` regex white space is ignored, except that a line break ends a comment.
    """
    literal: list[str] = []  # each a character with its combining marks
    position = 0
    while position < len(regex):
        match = PIECE.match(regex, position)
        assert match is not None  # noqa: S101  the last alternative matches any character
        position, piece = match.end(), match[0]
        if match["code"] or (match.lastgroup is None and not (verbose and piece.isspace())):
            character = _decoded(piece)
            if literal and unicodedata.combining(character):
                literal[-1] += character
            else:
                literal.append(character)
            continue
        if literal and re.fullmatch(QUANTIFIER, piece):
            yield _cleaned(literal[:-1])
            last = _cleaned(literal[-1:])
            yield last if len(_unescaped(last)) == 1 else f"(?:{last})"
        else:
            yield _cleaned(literal)
        literal = []
        if match["set"]:
            piece, position = _cleaned_set(regex, match.start())
        yield piece
    yield _cleaned(literal)


def _cleaned(literal: Iterable[str]) -> str:
    """Literal text as it occurs in cleaned texts, as a regex; spaces at its ends are kept."""
    text = "".join(literal)
    cleaned = _as_cleaned(text)
    return text if text == cleaned else re.sub(r"[.^$|()\[\]{}*+?\\]", r"\\\g<0>", cleaned)


def _as_cleaned(text: str) -> str:
    return (clean_text(f".{text}.") or "..")[1:-1]  # the full stops keep spaces at the ends


def _decoded(piece: str) -> str:
    r"""The character that an escape such as `\x{b2}` or `\t` stands for, or itself."""
    if len(piece) == 1:
        return piece
    if re.fullmatch(SPACE, piece):
        return " "
    return chr(int(re.sub(r"[\\xuU{}]", "", piece), 16))


def _unescaped(regex: str) -> str:
    return re.sub(r"\\(.)", r"\1", regex)


def _cleaned_set(regex: str, start: int) -> tuple[str, int]:
    """A class of characters `[...]` that begins at `start`, cleaned; and where it ends."""
    cleaned = ""
    excludes: list[bool] = []  # for each bracket that is open, whether it begins with ^
    position = start
    while True:
        match = IN_SET.match(regex, position)
        if match is None:  # it never ends: the engine reports that
            return cleaned, len(regex)
        position, piece = match.end(), match[0]
        if piece in ("[", "[^"):
            excludes.append(piece == "[^")
            cleaned += piece
            if regex.startswith("]", position):  # the first in a class is a character
                cleaned += "]"
                position += 1
        elif piece == "]":
            cleaned += piece
            excludes.pop()
            if not excludes:
                return cleaned, position
        elif len(piece) == 1 or re.fullmatch(CODE, piece):
            range_end = re.compile(rf"-({CODE}|[^\\\]\[])").match(regex, position)
            if range_end:
                position = range_end.end()
                cleaned += _cleaned_range(piece, range_end[1], excludes=excludes[-1])
            else:
                cleaned += _cleaned_member(piece, excludes=excludes[-1])
        else:
            cleaned += piece


def _cleaned_member(piece: str, *, excludes: bool) -> str:
    character = _decoded(piece)
    cleaned = _as_cleaned(character)
    if cleaned == character:
        return piece
    if len(cleaned) == 1 and not (excludes and cleaned == " "):
        return re.escape(cleaned)
    if excludes:
        return piece  # no text has it, so excluding it changes nothing
    raise RuleError(
        f"the pattern has {character!r} in a class [ ], but no text has it: cleaning turns it into "
        f"{cleaned!r}; write it as an alternative, (?:{character}|[...]), or take it out"
    )


def _cleaned_range(first: str, last: str, *, excludes: bool) -> str:
    """A range as it is; if texts have no character of it, the cleaned characters instead."""
    low, high = ord(_decoded(first)), ord(_decoded(last))
    members = [chr(code) for code in range(low, min(high, low + MAX_RANGE) + 1)]
    if high - low > MAX_RANGE or any(_as_cleaned(member) == member for member in members):
        return f"{first}-{last}"
    return "".join(dict.fromkeys(_cleaned_member(m, excludes=excludes) for m in members))
