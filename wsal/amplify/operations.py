"""Ways to write a record differently that leave its label right (after arXiv 2305.05402).

Each takes a record, the lexicon and a generator, and gives the new text, or None where there is
nothing to do. Protected words are all still there in what it gives.
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
MEASURE = re.compile(r"\d+[A-Za-z]{1,3}(?:[xX]\d+)?|\d+[xX]\d+")  # a part of what is no code
EAN = re.compile(r"\d{8}|\d{12,14}")
AMOUNT = f"(?:{UNITS['g']}|{UNITS['kg']}|{UNITS['ml']}|{UNITS['cl']}|{UNITS['l']})"
TIMES = re.compile(rf"(?<![\w.,])(\d+)\s?[x×]\s?({NUMBER})\s?({AMOUNT})(?!\w)", re.IGNORECASE)
PACKED = re.compile(rf"\bpack of (\d+),?\s({NUMBER})\s?({AMOUNT})(?!\w)", re.IGNORECASE)
# unit -> (other unit, how many of it, smallest and largest number to convert, decimals kept)
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
    """What is rewritten: a text, its class, and the fields it was composed of."""

    text: str
    label: int
    fields: tuple[str | None, ...] = ()
    """In the order in which they stand in the text; what is not part of it is not looked at."""


def attribute_swap(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """At least one brand, colour, material, size or number exchanged for another of its slot."""
    offered = lexicon.choices(record.text, record.label)
    if not offered:
        return None
    text, new = record.text, dict[str, str]()
    for i in rng.permutation(len(offered))[: rng.integers(1, len(offered) + 1)]:
        one, others = offered[i]
        others = [value for value in others if value not in new.values()]
        if others:
            new.setdefault(text[one.start : one.end].lower(), others[rng.integers(len(others))])
    for one, _ in reversed(offered):
        old = text[one.start : one.end]
        if old.lower() in new:
            text = text[: one.start] + _cased(new[old.lower()], old) + text[one.end :]
    return text


def unit_rewrite(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """One quantity in another unit or spelling: 500 g as 0.5 kg, 14" as 35.6 cm.

    "2 x 250 ml" becomes "pack of 2 250 ml", and back.
    """
    text = record.text
    rewritten = [
        text[: found.start()] + new + text[found.end() :]
        for pattern, rewrite in ((QUANTITY, _converted), (TIMES, _as_pack), (PACKED, _as_times))
        for found in pattern.finditer(text)
        for new in rewrite(found)
    ]
    bears = lexicon.bears(text)
    kept = [new for new in rewritten if new != text and bears <= lexicon.bears(new)]
    return kept[rng.integers(len(kept))] if kept else None


def code_mask(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """Model codes and EANs made up anew in the same shape; protected parts of them stay.

    Only where a protected word is left that bears the label.
    """
    if not lexicon.bears(record.text):
        return None

    def mask(found: re.Match[str]) -> str:
        if not _is_code(found[0], lexicon):
            return found[0]
        return re.sub(RUN, lambda run: _made_up(run[0], lexicon, rng), found[0])

    text = CODE.sub(mask, record.text)
    return text if text != record.text else None


def segment_permute(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:  # noqa: ARG001
    """Fields, or what stands between commas, dashes and brackets in one, in another order."""
    fields = BAR.split(record.text)
    orders = [_shuffled(fields, rng)]
    for i in range(0, len(fields), 2):
        inner = _shuffled(PARTING.split(fields[i]), rng)
        orders.append("".join([*fields[:i], inner, *fields[i + 1 :]]) if inner else None)
    found = [text for text in orders if text and text != record.text]
    return found[rng.integers(len(found))] if found else None


def field_dropout(record: Record, lexicon: Lexicon, rng: np.random.Generator) -> str | None:
    """The text without one of its fields, if every protected word stands in another as well.

    The first field, by custom the title, stays; and there must be a protected word, else one
    cannot tell which field bears the label.
    """
    spans = _field_spans(record)
    text, bears = record.text, set(lexicon.bears(record.text))
    shorter = [
        text[:before] + text[end:]
        for (_, before), (_, end) in itertools.pairwise(spans)
        if bears and bears <= set(tokens(text[:before] + text[end:]))
    ]
    return shorter[rng.integers(len(shorter))] if shorter else None


def _cased(new: str, old: str) -> str:
    """`new` written as `old` was."""
    if old.islower():
        return new.lower()
    if old.isupper() and len(old) > 3:
        return new.upper()
    return new.title() if new.islower() and old[:1].isupper() else new


def _converted(found: re.Match[str]) -> list[str]:
    number, unit = found["number"], unit_of(found)
    if re.search("[x×]", number, re.IGNORECASE):
        return []
    written = [number + spelling for spelling in SPELLINGS.get(unit, ())]
    if unit in CONVERSIONS:
        other, factor, least, most, digits = CONVERSIONS[unit]
        if least <= float(number) <= most:
            value = f"{round(float(number) * factor, digits):.3f}".rstrip("0").rstrip(".")
            written += [value + spelling for spelling in SPELLINGS[other][:2]]
    return written


def _as_pack(found: re.Match[str]) -> list[str]:
    return [f"pack of {found[1]} {found[2]}{found[3]}"]


def _as_times(found: re.Match[str]) -> list[str]:
    return [f"{found[1]} x {found[2]}{found[3]}"]


def _is_code(word: str, lexicon: Lexicon) -> bool:
    """Six or more signs, three of them digits, and no measure or word with digits."""
    if EAN.fullmatch(word):
        return True
    n_digits = sum(sign.isdigit() for sign in word)
    known = any(MEASURE.fullmatch(p) or p.lower() in lexicon.frequent for p in word.split("-"))
    return len(word) >= 6 and 3 <= n_digits < len(word.replace("-", "")) and not known


def _made_up(run: str, lexicon: Lexicon, rng: np.random.Generator) -> str:
    """Other digits or letters in the place of these, but a word stays: it may say something."""
    if run.lower() in lexicon.protected or (run.isalpha() and len(run) > 4):
        return run
    kinds = string.digits, string.ascii_uppercase, string.ascii_lowercase
    return "".join(kind[rng.integers(len(kind))] for sign in run for kind in kinds if sign in kind)


def _shuffled(parts: Sequence[str], rng: np.random.Generator) -> str | None:
    """Segments (every other part) in a random order, signs between them where they were.

    None if there is one segment only, or one that says nothing or has a bracket open.
    """
    segments, signs = parts[::2], [*parts[1::2], ""]
    whole = all(re.search(r"\w", one) and one.count("(") == one.count(")") for one in segments)
    if len(segments) < 2 or not whole:
        return None
    order = rng.permutation(len(segments))
    if (order == np.arange(len(segments))).all():
        order = np.roll(order, 1)
    return "".join(segments[i] + sign for i, sign in zip(order, signs, strict=True))


def _field_spans(record: Record) -> list[tuple[int, int]]:
    """Where in the text each field stands."""
    spans: list[tuple[int, int]] = []
    end = 0
    for value in record.fields:
        start = record.text.find(value, end) if value else -1
        if start >= 0 and value:
            end = start + len(value)
            spans.append((start, end))
    return spans
