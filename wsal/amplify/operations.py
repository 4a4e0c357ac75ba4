"""Ways to rewrite a record without changing its label (after arXiv 2305.05402).

Each operation takes a record, the lexicon and a random generator, and returns the new text, or None
if it cannot change anything. The new text still has all protected words.
"""

import itertools
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wsal.amplify.attributes import NUMBER, QUANTITY, UNITS, unit_of
from wsal.amplify.lexicon import RUN, Lexicon, tokens

BAR = re.compile(r"(\s*\|\s*)")
PARTING = re.compile(r"(,\s+|\s+[-–]\s+|\s+(?=\()|(?<=\))\s+)")
CODE = re.compile(r"(?<![\w./-])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?![\w/%-]|\.\w)")
MEASURE = re.compile(r"\d+[A-Za-z]{1,3}(?:[xX]\d+)?|\d+[xX]\d+")  # not part of a model code
EAN = re.compile(r"\d{8}|\d{12,14}")
AMOUNT = f"(?:{UNITS['g']}|{UNITS['kg']}|{UNITS['ml']}|{UNITS['cl']}|{UNITS['l']})"
TIMES = re.compile(rf"(?<![\w.,])(\d+)\s?[x×]\s?({NUMBER})\s?({AMOUNT})(?!\w)", re.IGNORECASE)
PACKED = re.compile(rf"\bpack of (\d+),?\s({NUMBER})\s?({AMOUNT})(?!\w)", re.IGNORECASE)
# unit -> (other unit, factor, smallest and largest number to convert, decimals)
CONVERSIONS = {
    "g": ("kg", 0.001, 100, 99_999, 3),
    "kg": ("g", 1000, 0, 5, 3),
    "ml": ("l", 0.001, 100, 99_999, 3),
    "cl": ("ml", 10, 0, 200, 3),
    "l": ("ml", 1000, 0, 5, 3),
    "inch": ("cm", 2.54, 0, 200, 1),
    "cm": ("inch", 1 / 2.54, 2, 500, 1),
    "mm": ("cm", 0.1, 20, 99_999, 3),
    "m": ("cm", 100, 0, 9, 3),
}
SPELLINGS = {
    "g": (" g", "g", " gm"), "kg": (" kg", "kg"),
    "ml": (" ml", "ml"), "l": (" l", "l", " litre"),
    "inch": ('"', " inch", "-inch"), "mm": (" mm", "mm"), "cm": (" cm", "cm"), "m": (" m", "m"),
}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A text to rewrite, its class, and the fields it was composed of."""

    text: str
    label: int
    fields: tuple[str | None, ...] = ()
    """In their order in the text; fields that are not part of the text are ignored."""


def attribute_swap(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """Replace at least one brand, colour, material, size or number by another of its slot."""
    replaceable = lexicon.replacements(record.text, record.label)
    if not replaceable:
        return None
    text, new = record.text, dict[str, str]()
    for i in rng.permutation(len(replaceable))[: rng.integers(1, len(replaceable) + 1)]:
        attribute, values = replaceable[i]
        unused = [value for value in values if value not in new.values()]
        if unused:
            old = text[attribute.start : attribute.end].lower()
            new.setdefault(old, unused[rng.integers(len(unused))])
    for attribute, _ in reversed(replaceable):
        old = text[attribute.start : attribute.end]
        if old.lower() in new:
            text = text[: attribute.start] + _cased(new[old.lower()], old) + text[attribute.end :]
    return text


def unit_rewrite(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """Write one quantity with another unit or spelling: 500 g as 0.5 kg, 14" as 35.6 cm.

    "2 x 250 ml" becomes "pack of 2 250 ml", and the other way round.
    """
    text = record.text
    rewritten = [
        text[: match.start()] + new + text[match.end() :]
        for pattern, rewrite in ((QUANTITY, _converted), (TIMES, _as_pack), (PACKED, _as_times))
        for match in pattern.finditer(text)
        for new in rewrite(match)
    ]
    protected = lexicon.protected_words(text)
    kept = [new for new in rewritten if new != text and protected <= lexicon.protected_words(new)]
    return kept[rng.integers(len(kept))] if kept else None


def code_mask(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """Replace model codes and EANs by random ones of the same shape, except for protected parts.

    Only if the text has a protected word: otherwise, the code may be all that indicates the class.
    """
    if not lexicon.protected_words(record.text):
        return None

    def mask(word: re.Match[str]) -> str:
        if not _is_code(word[0], lexicon):
            return word[0]
        return re.sub(RUN, lambda run: _random_run(run[0], lexicon, rng), word[0])

    text = CODE.sub(mask, record.text)
    return text if text != record.text else None


def segment_permute(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:  # noqa: ARG001
    """Reorder the fields, or the segments between commas, dashes and brackets in one of them."""
    fields = BAR.split(record.text)
    orders = [_shuffled(fields, rng)]
    for i in range(0, len(fields), 2):
        inner = _shuffled(PARTING.split(fields[i]), rng)
        orders.append("".join([*fields[:i], inner, *fields[i + 1 :]]) if inner else None)
    texts = [text for text in orders if text and text != record.text]
    return texts[rng.integers(len(texts))] if texts else None


def field_dropout(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """Remove one of the fields, if all protected words also occur in the others.

    The first field, usually the title, is kept. Without any protected word nothing is removed, as
    each field may be the one that indicates the class.
    """
    spans = _field_spans(record)
    text, protected = record.text, set(lexicon.protected_words(record.text))
    shorter = [
        text[:before] + text[end:]
        for (_, before), (_, end) in itertools.pairwise(spans)
        if protected and protected <= set(tokens(text[:before] + text[end:]))
    ]
    return shorter[rng.integers(len(shorter))] if shorter else None


def _cased(new: str, old: str) -> str:
    """`new` in the letter case of `old`."""
    if old.islower():
        return new.lower()
    if old.isupper() and len(old) > 3:
        return new.upper()
    return new.title() if new.islower() and old[:1].isupper() else new


def _converted(quantity: re.Match[str]) -> list[str]:
    number, unit = quantity["number"], unit_of(quantity)
    if re.search("[x×]", number, re.IGNORECASE):
        return []
    written = [number + spelling for spelling in SPELLINGS.get(unit, ())]
    if unit in CONVERSIONS:
        other, factor, least, most, digits = CONVERSIONS[unit]
        if least <= float(number) <= most:
            value = f"{round(float(number) * factor, digits):.3f}".rstrip("0").rstrip(".")
            written += [value + spelling for spelling in SPELLINGS[other][:2]]
    return written


def _as_pack(match: re.Match[str]) -> list[str]:
    return [f"pack of {match[1]} {match[2]}{match[3]}"]


def _as_times(match: re.Match[str]) -> list[str]:
    return [f"{match[1]} x {match[2]}{match[3]}"]


def _is_code(word: str, lexicon: Lexicon) -> bool:
    """Whether it has six characters with three digits or more, and is no measure or known word."""
    if EAN.fullmatch(word):
        return True
    n_digits = sum(character.isdigit() for character in word)
    is_word = any(MEASURE.fullmatch(p) or p.lower() in lexicon.frequent for p in word.split("-"))
    return len(word) >= 6 and 3 <= n_digits < len(word.replace("-", "")) and not is_word


def _random_run(run: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Random digits or letters of the same kinds; words stay, as they may carry meaning."""
    if run.lower() in lexicon.protected or (run.isalpha() and len(run) > 4):
        return run
    alphabets = string.digits, string.ascii_uppercase, string.ascii_lowercase
    return "".join(
        alphabet[rng.integers(len(alphabet))]
        for character in run
        for alphabet in alphabets
        if character in alphabet
    )


def _shuffled(parts: Sequence[str], rng: np.random.Generator) -> str | None:
    """The segments (every other part) in a random order; the separators keep their places.

    None if there is only one segment, or one without a word or with an unclosed bracket.
    """
    segments, separators = parts[::2], [*parts[1::2], ""]
    complete = all(
        re.search(r"\w", each) and each.count("(") == each.count(")") for each in segments
    )
    if len(segments) < 2 or not complete:
        return None
    order = rng.permutation(len(segments))
    if (order == np.arange(len(segments))).all():
        order = np.roll(order, 1)
    return "".join(segments[i] + mark for i, mark in zip(order, separators, strict=True))


def _field_spans(record: Record) -> list[tuple[int, int]]:
    """The start and end of each field in the text."""
    spans: list[tuple[int, int]] = []
    end = 0
    for value in record.fields:
        start = record.text.find(value, end) if value else -1
        if start >= 0 and value:
            end = start + len(value)
            spans.append((start, end))
    return spans
