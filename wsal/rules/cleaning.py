r"""What rules look for, cleaned as the texts are that they look in.

Texts are cleaned before any rule sees them: `m²` has become `m2`, a curly quote straight, a soft
hyphen is gone. So a word or a pattern that is written as the source writes it has to go the same
way, or it would never be found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from wsal.errors import RuleError, UnknownNameError
from wsal.labels import LabelSet
from wsal.text import clean_text

UNCHANGED = re.compile(r"(?! )(?!.*  )[ -%'-~]*")  # ASCII without & or a double space
CODE = r"\\(?:[xuU]\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
SPACE = r"\\[tnrfv]"
QUANTIFIER = r"(?:[*+?]|\{[\d, ]*\})\??"
SYNTAX = rf"\(\?P?<[^>]*>|\(\?[a-zA-Z-]*[:)]?|\\[pPb]\{{[^}}]*\}}|{QUANTIFIER}|[\^$.|()]|\\(?s:.)"
PIECE = re.compile(rf"(?P<code>{CODE}|{SPACE})|(?P<syntax>{SYNTAX})|(?P<set>\[)|(?s:.)")
IN_SET = re.compile(rf"\[:\^?\w+:\]|\[\^?|\]|&&|--|~~|\\[pP]\{{[^}}]*\}}|{CODE}|\\(?s:.)|(?s:.)")
WIDEST = 1000  # characters of a range that are looked at one by one


def clean_words(words: Sequence[str], what: str) -> tuple[str, ...]:
    """The words as they stand in texts.

    Raises:
        RuleError: a word is empty, or holds a control character; `what` says what they are.

    >>> clean_words(["Levi\u2019s", "3  m\u00b2"], "words")
    ("Levi's", '3 m2')
    """
    cleaned = []
    for word in words:
        _refuse_control(word, f"{what} has {word!r}, and in it")
        cleaned.append(clean_text(word) or "")
    if not all(cleaned):
        empty = [word for word, text in zip(words, cleaned, strict=True) if not text]
        raise RuleError(
            f"an empty word in {what} {list(words)}: {', '.join(map(repr, empty))}; give words to "
            "look for, or take it out"
        )
    return tuple(cleaned)


def clean_pattern(regex: str) -> str:
    r"""The regex with its literal characters as they stand in texts.

    Characters that cleaning makes several of become a group, so that what follows still belongs to
    all of it. What may be anything (`.`, `\w`, a wide range) stays as it is.

    Raises:
        RuleError: it holds a control character or a line break, or a class of characters that no
            text holds and that only several can stand for.

    >>> clean_pattern("\\d ?m\u00b2"), clean_pattern("\u00bd? inch"), clean_pattern("m[\u00b2\u00b3]")
    ('\\d ?m2', '(?:1⁄2)? inch', 'm[23]')
    """  # noqa: E501
    _refuse_control(regex, f"the pattern {regex!r} has a control character:")
    verbose = bool(re.match(r"\(\?[a-zA-Z]*x", regex))
    if not verbose and re.search(r"[\n\r]", regex):
        raise RuleError(
            f"the pattern {regex!r} has a line break, and no text has any: write it on one line, "
            "in single quotes, or begin it with (?x), which ignores white space"
        )
    if UNCHANGED.fullmatch(regex) and not re.search(rf"{CODE}|{SPACE}", regex):
        return regex
    return "".join(_cleaned_pieces(regex, verbose=verbose))


def class_of(labels: LabelSet, name: str) -> int:
    """The integer of a class that a rule names; the name is cleaned as those of the data are.

    Raises:
        UnknownNameError: no class has this name.
    """
    try:
        return labels.index(name)
    except UnknownNameError:
        cleaned = clean_text(name) if isinstance(name, str) else None
        if cleaned is None or cleaned not in labels:
            raise
        return labels.index(cleaned)


def _refuse_control(text: str, where: str) -> None:
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\t\n\r":
            raise RuleError(
                f"{where} U+{ord(character):04X}, which no text holds; in double quotes YAML takes "
                r"\b for a backspace: use single quotes in YAML, as in '\bcoffee\b'"
            )


def _cleaned_pieces(regex: str, *, verbose: bool) -> Iterator[str]:
    """The regex, piece by piece: literal characters together, as far as they can be cleaned so.

    In a `verbose` one white space says nothing, but that a line break ends a comment.
    """
    literal: list[str] = []  # clusters: a character and the marks that are set on it
    at = 0
    while at < len(regex):
        piece = PIECE.match(regex, at)
        assert piece is not None  # noqa: S101  the last alternative takes any character
        at = piece.end()
        found = piece[0]
        if piece["code"] or (piece.lastgroup is None and not (verbose and found.isspace())):
            character = _decoded(found)
            if literal and unicodedata.combining(character):
                literal[-1] += character
            else:
                literal.append(character)
            continue
        if literal and re.fullmatch(QUANTIFIER, found):
            yield _cleaned(literal[:-1])
            last = _cleaned(literal[-1:])
            yield last if len(_unescaped(last)) == 1 else f"(?:{last})"
        else:
            yield _cleaned(literal)
        literal = []
        if piece["set"]:
            found, at = _cleaned_set(regex, piece.start())
        yield found
    yield _cleaned(literal)


def _cleaned(literal: Iterable[str]) -> str:
    """Literal text as it stands in cleaned texts, as a regex; spaces at its ends stay."""
    text = "".join(literal)
    cleaned = _as_cleaned(text)
    return text if text == cleaned else re.sub(r"[.^$|()\[\]{}*+?\\]", r"\\\g<0>", cleaned)


def _as_cleaned(text: str) -> str:
    return (clean_text(f".{text}.") or "..")[1:-1]  # full stops keep what is at the ends


def _decoded(found: str) -> str:
    r"""The character that an escape such as `\x{b2}` or `\t` names, or the character itself."""
    if len(found) == 1:
        return found
    if re.fullmatch(SPACE, found):
        return " "
    return chr(int(re.sub(r"[\\xuU{}]", "", found), 16))


def _unescaped(regex: str) -> str:
    return re.sub(r"\\(.)", r"\1", regex)


def _cleaned_set(regex: str, start: int) -> tuple[str, int]:
    """A class of characters `[...]` that begins at `start`, cleaned; and where it ends."""
    found, excludes = "", list[bool]()
    at = start
    while True:
        match = IN_SET.match(regex, at)
        if match is None:  # it never ends: the engine says so
            return found, len(regex)
        at, piece = match.end(), match[0]
        if piece in ("[", "[^"):
            excludes.append(piece == "[^")
            found += piece
            if regex.startswith("]", at):  # the first in a class is a character
                found, at = f"{found}]", at + 1
        elif piece == "]":
            found += piece
            excludes.pop()
            if not excludes:
                return found, at
        elif len(piece) == 1 or re.fullmatch(CODE, piece):
            end = re.compile(rf"-({CODE}|[^\\\]\[])").match(regex, at)
            if end:
                at = end.end()
                found += _cleaned_range(piece, end[1], excludes=excludes[-1])
            else:
                found += _cleaned_member(piece, excludes=excludes[-1])
        else:
            found += piece


def _cleaned_member(piece: str, *, excludes: bool) -> str:
    character = _decoded(piece)
    cleaned = _as_cleaned(character)
    if cleaned == character:
        return piece
    if len(cleaned) == 1 and not (excludes and cleaned == " "):
        return re.escape(cleaned)
    if excludes:
        return piece  # what no text holds is excluded anyway
    raise RuleError(
        f"the pattern has {character!r} in a class [ ], and no text holds it: cleaning makes "
        f"{cleaned!r} of it; write it as an alternative, (?:{character}|[...]), or take it out"
    )


def _cleaned_range(first: str, last: str, *, excludes: bool) -> str:
    """A range as it is, or, if no text holds any character of it, those that texts hold."""
    low, high = ord(_decoded(first)), ord(_decoded(last))
    members = [chr(code) for code in range(low, min(high, low + WIDEST) + 1)]
    if high - low > WIDEST or any(_as_cleaned(member) == member for member in members):
        return f"{first}-{last}"
    return "".join(dict.fromkeys(_cleaned_member(m, excludes=excludes) for m in members))
