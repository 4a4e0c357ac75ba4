"""Records of a csv, tsv or jsonl stream, a chunk at a time; a bad line costs itself alone."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa

from wsal.errors import DataError

AT_ONCE = 10_000  # records in a chunk
MOST_LINES = 100  # of one quoted record; where more follow, its quote was never closed
MOST_CHARACTERS = 10_000_000  # of one field, and of a line
RECORD = "record"  # the column of a chunk of json lines: each record's text


@dataclass(frozen=True)
class Bad:
    """A line that is no record, or several that are one with too few or too many fields."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Place:
    """Where to go on reading: after so many bytes and lines, or rows."""

    offset: int = 0
    line: int = 0


@dataclass(frozen=True)
class Chunk:
    """Records in their order, the bad lines among them, and the place after them."""

    table: pa.Table
    bad: list[Bad]
    after: Place
    file: str = ""
    """Of a folder: which file the records are from."""


@dataclass
class _Lines:
    """Lines with their numbers; some can be given back."""

    stream: BinaryIO
    offset: int
    number: int
    waiting: list[bytes] = field(default_factory=list)

    def next(self) -> bytes | None:
        """The next line, None at the end."""
        line = self.waiting.pop() if self.waiting else self.stream.readline(MOST_CHARACTERS)
        self.offset += len(line)
        self.number += 1 if line else 0
        return line or None

    def give_back(self, lines: Sequence[bytes]) -> None:
        """Let the lines be read again."""
        self.waiting.extend(reversed(lines))
        self.offset -= sum(map(len, lines))
        self.number -= len(lines)

    def place(self) -> Place:
        """After the last line that was taken."""
        return Place(self.offset, self.number)


def json_chunks(stream: BinaryIO, name: str, start: Place) -> Iterator[Chunk]:
    """Chunks of one column `record`: the text of each json object.

    Raises:
        DataError: the stream is UTF-16.
    """
    lines = _Lines(stream, start.offset, start.line)
    records: list[str] = []
    bad: list[Bad] = []
    while (line := lines.next()) is not None:
        if lines.number == 1:
            line = _without_mark(line, name)
        if not line.strip():
            continue
        try:
            records.append(_json_record(line))
        except (ValueError, RecursionError) as error:
            bad.append(Bad(lines.number, _said(error), _raw(line)))
        if len(records) + len(bad) >= AT_ONCE:
            yield Chunk(_one_column(records), bad, lines.place())
            records, bad = [], []
    if records or bad:
        yield Chunk(_one_column(records), bad, lines.place())


def csv_chunks(stream: BinaryIO, name: str, separator: str, start: Place) -> Iterator[Chunk]:
    """Chunks with the header's columns, all of text.

    Raises:
        DataError: the stream is UTF-16, or has no header that can be read.
    """
    before = csv.field_size_limit(MOST_CHARACTERS)
    try:
        lines = _Lines(stream, 0, 0)
        header = _header(lines, name, separator)
        if start.offset > lines.offset:
            stream.seek(start.offset)
            lines = _Lines(stream, start.offset, start.line)
        yield from _csv_chunks(lines, header, separator)
    finally:
        csv.field_size_limit(before)


def _csv_chunks(lines: _Lines, header: Sequence[str], separator: str) -> Iterator[Chunk]:
    rows: list[list[str]] = []
    bad: list[Bad] = []
    while (line := lines.next()) is not None:
        number = lines.number
        try:
            row, whole = _record(line, lines, separator)
            if row and len(row) != len(header):
                reason = f"{len(row)} fields; the header has {len(header)}"
                bad.append(Bad(number, reason, whole.rstrip("\r\n")))
            elif row:
                rows.append(row)
        except (ValueError, csv.Error) as error:
            bad.append(Bad(number, _said(error), _raw(line)))
        if len(rows) + len(bad) >= AT_ONCE:
            yield Chunk(_table(header, rows), bad, lines.place())
            rows, bad = [], []
    if rows or bad:
        yield Chunk(_table(header, rows), bad, lines.place())


def _record(first: bytes, lines: _Lines, separator: str) -> tuple[list[str], str]:
    """The fields of the record that begins with this line, and its text; of several if quoted.

    Raises:
        ValueError, csv.Error: the line is none; no other line was taken then.
    """
    text, taken = first.decode("utf-8"), list[bytes]()
    try:
        while True:
            try:
                return next(csv.reader([text], delimiter=separator, strict=True), []), text
            except csv.Error as error:
                more = lines.next() if str(error) == "unexpected end of data" else None
                if more is None:
                    raise
                taken.append(more)
                if len(taken) >= MOST_LINES:
                    raise ValueError(f"a quote is not closed within {MOST_LINES} lines") from error
                text += more.decode("utf-8")
    except (ValueError, csv.Error):
        lines.give_back(taken)
        raise


def _header(lines: _Lines, name: str, separator: str) -> list[str]:
    line = lines.next()
    while line is not None and not line.strip():
        line = lines.next()
    if line is None:
        raise DataError(f"{name} is empty; expected a header and rows")
    try:
        header, _ = _record(_without_mark(line, name), lines, separator)
    except (ValueError, csv.Error) as error:
        raise DataError(
            f"{name} line {lines.number} is the header, and cannot be read: {_said(error)}"
        ) from error
    if twice := sorted({one for one in header if header.count(one) > 1}):
        raise DataError(f"{name} has two columns {twice[0]!r}; give each a name of its own")
    return header


def _without_mark(line: bytes, name: str) -> bytes:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{name} is UTF-16; convert it first, with `iconv -f utf-16 -t utf-8 FILE > NEW`"
        )
    return line.removeprefix(b"\xef\xbb\xbf")


def _json_record(line: bytes) -> str:
    text = line.decode("utf-8").strip()
    found = json.loads(text, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError(f"a json {type(found).__name__}; expected an object")
    json.dumps(found, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
    return text


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of json")


def _one_column(records: Sequence[str]) -> pa.Table:
    return pa.table({RECORD: pa.array(records, pa.string())})


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> pa.Table:
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, names=list(header))


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    if isinstance(error, UnicodeEncodeError):
        return "half of a surrogate pair, which is no character"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).split(": line 1 column")[0]


def _raw(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")
