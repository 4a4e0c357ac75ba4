"""Answers that come back in a file or from a tool: which text each is for, and what it says.

Nothing is guessed: what cannot be taken is listed, all of it at once, and is never a skipped text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import polars as pl

from wsal.annotation.query import Query
from wsal.errors import AnnotationError, listed, nearest
from wsal.labels import SKIPS, LabelSet
from wsal.text import clean, clean_text, same_text

SKIP = SKIPS[0]
SORTED_APART = (
    "its key, id and text belong to different texts; were columns sorted apart from each other? "
    "sort whole rows"
)
ROUNDED = re.compile(r"\d+([.,]\d+)?E\+\d+", re.IGNORECASE)  # what Excel makes of long numbers


class Row(NamedTuple):
    """What one place of a file answers, by one person."""

    where: str
    label: str  # "" where there is no answer yet, SKIP where the text was skipped
    id: str = ""
    key: str = ""  # of the text, see `keys_of`; empty where the file does not have it
    text: str | None = None
    seconds: float | None = None
    person: str = ""  # whose newer answer replaces their older one; empty where that is unknown
    at: str = ""  # when; sorts in the order of time
    settles: bool = False  # this answer decides, whatever others say


class Returned(NamedTuple):
    """The answer to each text asked, in their order, and how many rows were not for this round."""

    rows: list[Row]  # label "" where there is none yet
    notes: list[str]  # what was left out
    missing: list[str]  # ids asked that have no row at all


def keys_of(texts: Iterable[str]) -> list[str]:
    """A key for each text that no spreadsheet takes for a number or a date; alike texts share it.

    >>> first, second, other = keys_of(["Red Mug, 300ml", "red mug 300ML", "blue mug"])
    >>> first, first == second, first == other
    ('q3f042635ce32', True, False)
    """
    cleaned = clean(pl.Series(list(texts), dtype=pl.String)).fill_null("")
    return [f"q{blake2b(one.encode(), digest_size=6).hexdigest()}" for one in same_text(cleaned)]


def matched(rows: Iterable[Row], query: Query, place: object, *, others: bool = False) -> Returned:
    """The answer to each text asked.

    A row is found by its key (the text's), else by its id. Answers to texts of earlier rounds are
    left out. Of several people the most frequent answer counts, before all one that settles.

    Args:
        rows: what the file holds.
        query: what was asked.
        place: the file or address, for messages.
        others: whether there may be answers to texts that wsal never asked, as in a tool's project
            that serves other ends, too; they are left out, and counted.

    Raises:
        AnnotationError: something cannot be taken; the message lists all of it.
    """
    asked, earlier = _Index(query.table), _Index(query.earlier)
    said: dict[int, list[Row]] = {}
    problems, n_earlier, strangers = list[str](), 0, list[Row]()
    for row in _with_keys(list(rows)):
        spots = asked.spots(row)
        if not asked.has(row) and earlier.has(row):  # its text may be asked again in this round
            n_earlier += 1
        elif len(spots) > 1:
            problems.append(f"{_name(row)}: {SORTED_APART}")
        elif spots and asked.fits(row):
            label, problem = _class_of(row, query)
            problems += problem
            said.setdefault(spots.pop(), []).append(row._replace(label=label))
        elif earlier.spots(row):
            n_earlier += 1
        elif row.label:
            strangers.append(row)
    agreed = []
    for spot, one in enumerate(query.table["id"]):
        row, problem = _agreed(said.get(spot, []))
        problems += problem
        agreed.append(row._replace(id=one))
    if not others:
        problems += [f"{_name(row)}: {_stranger(row)}" for row in strangers]
    if problems:
        raise AnnotationError(_listed(problems, place, query.labels))
    missing = [one for spot, one in enumerate(query.table["id"]) if spot not in said]
    return Returned(agreed, list(_left_out(n_earlier, strangers)), missing)


def _left_out(n_earlier: int, strangers: Sequence[Row]) -> Iterator[str]:
    """What was left out, in words."""
    if n_earlier:
        yield f"{_count(n_earlier)} to texts of earlier rounds left out"
    if strangers:
        some = "; ".join(map(_name, strangers[:3])) + ("; ..." if len(strangers) > 3 else "")
        yield f"{_count(len(strangers))} to texts that were not asked left out ({some})"


class _Index:
    """Texts by key, by id, and by what a spreadsheet makes of ids that are numbers."""

    def __init__(self, table: pl.DataFrame) -> None:
        ids = [one.strip() for one in table["id"]]
        self.key_of = dict(zip(ids, keys := keys_of(table["text"]), strict=True))
        self.known, often = set(keys), Counter(keys)
        self.keys = {key: spot for spot, key in enumerate(keys) if often[key] == 1}
        self.ids = {one: spot for spot, one in enumerate(ids)}
        bare = Counter(map(_bare, ids))
        self.bare = {_bare(one): spot for one, spot in self.ids.items() if bare[_bare(one)] == 1}

    def spots(self, row: Row) -> set[int]:
        """Where the row's key, text and id stand; several if they contradict each other."""
        given = [self.keys.get(row.key), self.ids.get(row.id.strip())]
        if row.text is not None:
            given.append(self.keys.get(row.text))
        found = {spot for spot in given if spot is not None}
        bare = self.bare.get(_bare(row.id))
        return found or ({bare} if bare is not None else set())

    def has(self, row: Row) -> bool:
        """Whether both the row's id and its text are those of one text."""
        key = self.key_of.get(row.id.strip())
        return key is not None and key in (row.key, row.text)

    def fits(self, row: Row) -> bool:
        """Whether the row's key, if it has one, is known: else it is of another text."""
        return not row.key or row.key in self.known


def _with_keys(rows: list[Row]) -> list[Row]:
    """The rows, each text replaced by its key."""
    keys = iter(keys_of(row.text for row in rows if row.text is not None))
    return [row if row.text is None else row._replace(text=next(keys)) for row in rows]


def _bare(one: str) -> str:
    """An id without what Excel takes off numbers, or puts on.

    >>> _bare("0042"), _bare("42.0"), _bare("A-01")
    ('42', '42', 'A-01')
    """
    one = one.strip()
    number = re.fullmatch(r"0*(\d+)([.,]0+)?", one)
    return number[1] if number else one


def _class_of(row: Row, query: Query) -> tuple[str, list[str]]:
    """The class that a row names, SKIP or "" for none, and what is wrong with it."""
    said = clean_text(row.label) or ""
    if not said or said in SKIPS:
        return (SKIP if said else ""), []
    known = {clean_text(name) or name: name for name in query.labels.names} | dict(query.renamed)
    if said in known:
        return known[said], []
    folded = {new for name, new in known.items() if name.casefold() == said.casefold()}
    if len(folded) == 1:
        return folded.pop(), []
    near = nearest(said, query.labels.names)
    return "", [f"{_name(row)}: unknown label {row.label!r}{near}"]


def _agreed(rows: Sequence[Row]) -> tuple[Row, list[str]]:
    """One row for what people say of a text, and what is wrong with it."""
    newest: dict[object, Row] = {}
    for number, row in enumerate(rows):
        who: object = row.person if row.person and row.at else number
        if row.label and (who not in newest or row.at >= newest[who].at):
            newest[who] = row
    given = [row for row in newest.values() if row.label]
    settled = [row for row in given if row.settles]
    times = [row.seconds for row in rows if row.seconds is not None]
    counts = Counter(row.label for row in settled or given if row.label != SKIP)
    best = [label for label, n in counts.items() if n == max(counts.values())]
    if len(best) > 1:
        said = " and ".join(f"{label!r} ({counts[label]})" for label in best)
        return Row("", ""), [f"{_name(given[-1])}: people disagree: {said}; settle it"]
    label = best[0] if best else SKIP if given else ""
    where = given[-1].where if given else ""
    return Row(where, label, seconds=sum(times) if times else None), []


def _name(row: Row) -> str:
    return f"{row.where}, id {row.id!r}" if row.id else row.where


def _stranger(row: Row) -> str:
    """Why a row has no text in the query."""
    if ROUNDED.fullmatch(row.id.strip()):
        return (
            "a spreadsheet rounded this id to a number, and its digits are lost; put the column "
            "`key` or `text` back from the sheet that wsal wrote, or write the id again, with the "
            "cells formatted as text"
        )
    return "this text was not asked in this round"


def _listed(problems: Sequence[str], place: object, labels: LabelSet) -> str:
    return (
        f"{place}: {_count(len(problems))} cannot be taken:{listed(problems)}\n"
        f"the classes are {', '.join(labels.names)}; correct the answers and run the same command "
        "again"
    )


def _count(n: int) -> str:
    return "1 answer" if n == 1 else f"{n} answers"
