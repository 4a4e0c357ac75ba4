"""Lines of a stream with their numbers, and what is made of them: chunks of records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from wsal.errors import DataError, listed

AT_ONCE = 10_000  # records in a chunk
MOST_CHARACTERS = 10_000_000  # of one field, and of a line
RECORD = "record"  # the column of a chunk of json: each record's text
MOST_BYTES = 1 << 26  # of the lines that are read at once


@dataclass(frozen=True)
class Bad:
    """A line that is no record, or several that are one with too few or too many fields."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Offset:
    """Where to go on reading: after so many bytes (as UTF-8) and lines, or after so many rows."""

    offset: int = 0
    line: int = 0
    file: int = 0
    """Of a folder: which of its files."""


@dataclass(frozen=True)
class Chunk:
    """Records in their order, the bad lines among them, and the place after them."""

    table: pa.Table
    bad: list[Bad]
    after: Offset
    file: str = ""
    """Of a folder: which file the records are from."""
    rows: Sequence[int] | np.ndarray = ()
    """The line, or the row of the sheet, in which each record begins; counted from 1."""
    doubtful: Sequence[int] = ()
    """The lines of records that may have swallowed others; see `quoting.may_swallow`."""
    objects: Sequence[Mapping[str, Any]] = ()
    """Of json: the records."""


@dataclass
class Lines:
    """Lines with their numbers; some can be given back. The mark of UTF-8 is in none of them."""

    stream: BinaryIO
    offset: int = 0
    number: int = 0
    waiting: list[bytes] = field(default_factory=list)

    def next(self) -> bytes | None:
        """The next line, None at the end."""
        line = self.waiting.pop() if self.waiting else self.stream.readline(MOST_CHARACTERS)
        if self.offset == 0:
            self.offset, line = _without_mark(line)
        self.offset += len(line)
        self.number += 1 if line else 0
        return line or None

    def several(self, most: int) -> list[bytes]:
        """The next lines, `most` of them unless they are very long or the stream ends."""
        taken: list[bytes] = []
        begun = self.offset
        while len(taken) < most and self.offset - begun < MOST_BYTES:
            line = self.next()
            if line is None:
                break
            taken.append(line)
        return taken

    def give_back(self, lines: Sequence[bytes]) -> None:
        """Let the lines be read again."""
        self.waiting.extend(reversed(lines))
        self.offset -= sum(map(len, lines))
        self.number -= len(lines)

    def go_to(self, place: Offset) -> None:
        """On to a place that lies ahead."""
        if self.stream.seekable() and place.offset > self.offset:
            self.stream.seek(place.offset)
            self.offset, self.number, self.waiting = place.offset, place.line, []
        while self.offset < place.offset and self.next() is not None:
            pass

    def place(self) -> Offset:
        """After the last line that was taken."""
        return Offset(self.offset, self.number)


def _without_mark(line: bytes) -> tuple[int, bytes]:
    """How long the mark at the start of a stream is, and the line without it."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):  # of a file that is told beforehand
        raise DataError("standard input is UTF-16; name it with --encoding utf-16")
    unmarked = line.removeprefix(b"\xef\xbb\xbf")
    return len(line) - len(unmarked), unmarked


def raw(line: bytes) -> str:
    """The line to be shown, whatever bytes are in it."""
    return line.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")


def refusal(name: str, bad: Sequence[Bad]) -> DataError:
    """What is wrong with a table, its first bad lines listed."""
    if len(bad) == 1:
        return DataError(f"{name} line {bad[0].line}: {bad[0].reason}")
    reasons = [f"line {one.line}: {one.reason}" for one in bad]
    return DataError(f"{name} has {len(bad):,} lines that are no record:{listed(reasons)}")


def doubt(name: str, lines: Sequence[int]) -> str:
    """What to note of records that may have swallowed others."""
    more = f", as do {len(lines) - 1:,} others" if len(lines) > 1 else ""
    return (
        f"{name} line {lines[0]}: a quoted field goes on over lines that each look like a row"
        f"{more}; if a closing quote is missing there, rows are lost in that field"
    )


def said(error: Exception) -> str:
    """What is wrong with a line, in few words."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    if isinstance(error, UnicodeEncodeError):
        return "half of a surrogate pair, which is no character"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
