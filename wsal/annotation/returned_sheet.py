"""Answers that come back in a file or from a tool: which text each belongs to, and what it says.

Nothing is guessed: answers that cannot be accepted are listed, all at once, and never counted as
skipped texts. A row of a sheet is found by a key made from its text, which no spreadsheet takes for
a number.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import polars as pl

from wsal.annotation.named_classes import SKIP_MARK, named_class, named_set, written_names
from wsal.annotation.query import Query
from wsal.errors import AnnotationError, listed
from wsal.labels import NONE, LabelSet
from wsal.text import clean, same_text

CONTRADICTION = (
    "its key, id and text belong to different texts; were columns sorted separately? "
    "sort whole rows"
)
MOST_NAMED = 100  # classes in a message
ROUNDED = re.compile(r"\d+([.,]\d+)?E\+\d+", re.IGNORECASE)  # what Excel makes of long numbers


class Row(NamedTuple):
    """The answer of one person at one place of a file."""

    where: str
    label: str  # "" where there is no answer yet, SKIP_MARK where the text was skipped
    id: str = ""
    key: str = ""  # of the text, see `text_keys`; empty where the file does not have it
    text: str | None = None
    seconds: float | None = None
    person: str = ""  # whose newer answer replaces their older one; empty where that is unknown
    at: str = ""  # the time; sorts chronologically
    settles: bool = False  # this answer decides, whatever others say


class MatchedAnswers(NamedTuple):
    """The answer to each text of a query, and what was left out."""

    rows: list[Row]  # in the order of the query; label "" where there is no answer yet
    notes: list[str]  # about answers that were left out
    missing: list[str]  # ids of the query that have no row at all


def text_keys(texts: Iterable[str]) -> list[str]:
    """A key for each text, which no spreadsheet takes for a number or a date.

    Texts that the pool would hold as one have the same key.

    >>> first, second, other = text_keys(["Red Mug, 300ml", "red mug 300ML", "blue mug"])
    >>> first, first == second, first == other
    ('q3f042635ce32', True, False)
    """
    cleaned = clean(pl.Series(list(texts), dtype=pl.String)).fill_null("")
    return [f"q{blake2b(text.encode(), digest_size=6).hexdigest()}" for text in same_text(cleaned)]


def is_same_text(text: str, other: str) -> bool:
    """Whether the pool would hold the two texts as one."""
    if text == other:
        return True
    first, second = text_keys([text, other])
    return first == second


def match_answers(
    rows: Iterable[Row], query: Query, source: object, *, allow_others: bool = False
) -> MatchedAnswers:
    """The answer to each text of the query.

    A row is found by the key of its text, otherwise by its id. Answers to texts of earlier rounds
    are left out. If several people answered, the most frequent answer counts, unless one settles.

    Args:
        rows: what the file holds.
        query: what was asked.
        source: the file or address, for messages.
        allow_others: whether there may be answers to texts that wsal never asked, as in a tool's
            project that has other uses, too. They are left out and counted.

    Raises:
        AnnotationError: some answers cannot be accepted; the message lists all of them.
    """
    asked, earlier = _Index(query.table), _Index(query.earlier)
    names = written_names(query)
    answers: dict[int, list[Row]] = {}  # position in the query -> the answers to that text
    problems, n_earlier, others = list[str](), 0, list[Row]()
    for row in _with_keys(list(rows)):
        positions = asked.positions(row)
        if not asked.has(row) and earlier.has(row):  # its text may be asked again in this round
            n_earlier += 1
        elif len(positions) > 1:
            problems.append(f"{_name(row)}: {CONTRADICTION}")
        elif positions and asked.key_fits(row):
            read = named_set if query.multilabel else named_class
            label, wrong = read(row.label, names, query.labels)
            problems += [f"{_name(row)}: {wrong}"] if wrong else []
            answers.setdefault(positions.pop(), []).append(row._replace(label=label))
        elif earlier.positions(row):
            n_earlier += 1
        elif row.label:
            others.append(row)
    matched, ids = [], query.table["id"].to_list()
    for position, text_id in enumerate(ids):
        row, problem = _combined(answers.get(position, []))
        problems += problem
        matched.append(row._replace(id=text_id))
    if not allow_others:
        problems += [f"{_name(row)}: {_why_not_asked(row)}" for row in others]
    if problems:
        raise AnnotationError(_message(problems, source, query.labels))
    missing = [text_id for position, text_id in enumerate(ids) if position not in answers]
    return MatchedAnswers(matched, list(_left_out(n_earlier, others)), missing)


def _left_out(n_earlier: int, others: Sequence[Row]) -> Iterator[str]:
    """What was left out, in words."""
    if n_earlier:
        yield f"{_count(n_earlier)} to texts of earlier rounds left out"
    if others:
        first = "; ".join(map(_name, others[:3])) + ("; ..." if len(others) > 3 else "")
        yield f"{_count(len(others))} to texts that were not asked left out ({first})"


class _Index:
    """The positions of a query's texts by key, by id, and by what spreadsheets make of ids."""

    def __init__(self, table: pl.DataFrame) -> None:
        ids = [text_id.strip() for text_id in table["id"]]
        keys = text_keys(table["text"])
        counts = Counter(keys)
        self.key_of = dict(zip(ids, keys, strict=True))
        self.all_keys = set(keys)
        self.by_key = {key: n for n, key in enumerate(keys) if counts[key] == 1}
        self.by_id = {text_id: n for n, text_id in enumerate(ids)}
        bare = Counter(map(_bare, ids))
        self.by_bare_id = {_bare(i): n for i, n in self.by_id.items() if bare[_bare(i)] == 1}

    def positions(self, row: Row) -> set[int]:
        """The positions of the row's key, text and id; several if they contradict each other."""
        found = [self.by_key.get(row.key), self.by_id.get(row.id.strip())]
        if row.text is not None:
            found.append(self.by_key.get(row.text))
        positions = {position for position in found if position is not None}
        bare = self.by_bare_id.get(_bare(row.id))
        return positions or ({bare} if bare is not None else set())

    def has(self, row: Row) -> bool:
        """Whether the row's id and its text belong to one and the same text."""
        key = self.key_of.get(row.id.strip())
        return key is not None and key in (row.key, row.text)

    def key_fits(self, row: Row) -> bool:
        """Whether the row's key is one of this query's; a row without a key fits, too."""
        return not row.key or row.key in self.all_keys


def _with_keys(rows: list[Row]) -> list[Row]:
    """The rows, each text replaced by its key."""
    keys = iter(text_keys(row.text for row in rows if row.text is not None))
    return [row if row.text is None else row._replace(text=next(keys)) for row in rows]


def _bare(text_id: str) -> str:
    """An id without the zeros that Excel removes from numbers or adds to them.

    >>> _bare("0042"), _bare("42.0"), _bare("A-01")
    ('42', '42', 'A-01')
    """
    text_id = text_id.strip()
    number = re.fullmatch(r"0*(\d+)([.,]0+)?", text_id)
    return number[1] if number else text_id


def _combined(rows: Sequence[Row]) -> tuple[Row, list[str]]:
    """One row for what people answered about a text, and what is wrong with it."""
    newest: dict[object, Row] = {}
    for number, row in enumerate(rows):
        person: object = row.person if row.person and row.at else number
        if row.label and (person not in newest or row.at >= newest[person].at):
            newest[person] = row
    answers = [row for row in newest.values() if row.label]
    settling = [row for row in answers if row.settles]
    times = [row.seconds for row in rows if row.seconds is not None]
    counts = Counter(row.label for row in settling or answers if row.label != SKIP_MARK)
    best = [label for label, n in counts.items() if n == max(counts.values())]
    if len(best) > 1:
        labels = " and ".join(f"{label!r} ({counts[label]})" for label in best)
        return Row("", ""), [f"{_name(answers[-1])}: people disagree: {labels}; settle it"]
    label = best[0] if best else SKIP_MARK if answers else ""
    where = answers[-1].where if answers else ""
    return Row(where, label, seconds=sum(times) if times else None), []


def _name(row: Row) -> str:
    return f"{row.where}, id {row.id!r}" if row.id else row.where


def _why_not_asked(row: Row) -> str:
    """Why a row has no text in the query."""
    if ROUNDED.fullmatch(row.id.strip()):
        return (
            "a spreadsheet rounded this id to a number, and its digits are lost; put the column "
            "`key` or `text` back from the sheet that wsal wrote, or write the id again, with the "
            "cells formatted as text"
        )
    return "this text was not asked in this round"


def _message(problems: Sequence[str], source: object, labels: LabelSet) -> str:
    names = ", ".join(labels.names[:MOST_NAMED])
    if len(labels) > MOST_NAMED:
        names += f" and {len(labels) - MOST_NAMED:,} more"
    return (
        f"{source}: {_count(len(problems))} cannot be accepted:{listed(problems)}\n"
        f"the classes are {names}, or {NONE!r} for a text of no class; correct the answers and run "
        "the same command again"
    )


def _count(n: int) -> str:
    return "1 answer" if n == 1 else f"{n} answers"
