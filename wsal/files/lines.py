"""Lines of a stream with their numbers, chunks of records, and lines that cannot be parsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa

from wsal.errors import DataError, listed

CHUNK_SIZE = 10_000  # records in a chunk
MAX_CHARACTERS = 10_000_000  # in a field, and in a line
RECORD = "record"  # the column of a chunk of JSON: the text of each record
BLOCK = 1 << 20  # bytes that are read ahead
MAX_BYTES = 1 << 26  # in the lines that are read at once


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be parsed, or a record with too few or too many fields."""

    line: int  # of its beginning, counted from 1
    reason: str
    raw: str  # its text


@dataclass(frozen=True)
class Offset:
    """Where to continue reading. It stays valid for any encoding, as text is streamed as UTF-8."""

    offset: int = 0  # bytes of UTF-8 text before it; of other kinds, rows
    line: int = 0  # lines before it
    file: int = 0  # index of the file in a folder


@dataclass(frozen=True)
class Chunk:
    """Records in their order, the bad lines among them, and the offset after them."""

    table: pa.Table
    bad: list[BadLine]
    after: Offset
    file: str = ""
    """In a folder, the name of the file that the records are from."""
    rows: Sequence[int] | np.ndarray = ()
    """The line, or the row of the sheet, in which each record begins; counted from 1."""
    suspicious: Sequence[int] = ()
    """The lines of records that may contain other records; see `quoting.may_swallow`."""
    objects: Sequence[Mapping[str, Any]] = ()
    """For JSON, the records."""


@dataclass
class Lines:
    """The lines of a stream with their numbers, without a byte order mark; some can be put back."""

    stream: BinaryIO
    offset: int = 0  # bytes before the next line
    number: int = 0  # of the last line taken, counted from 1
    waiting: list[bytes] = field(default_factory=list)  # lines put back, the next one last

    def next(self) -> bytes | None:
        """The next line; None at the end."""
        line = self.waiting.pop() if self.waiting else self.stream.readline(MAX_CHARACTERS)
        if self.offset == 0:
            self.offset, line = _without_bom(line)
        self.offset += len(line)
        self.number += 1 if line else 0
        return line or None

    def several(self, most: int) -> list[bytes]:
        """The next `most` lines; fewer if they are very long or the stream ends."""
        first = self.next()
        taken = [] if first is None else [first]
        size = sum(map(len, taken))
        while taken and len(taken) < most and size < MAX_BYTES:
            if not self.waiting and not self._fetch():
                break
            n_more = min(most - len(taken), len(self.waiting))
            more = self.waiting[: -n_more - 1 : -1]  # the next one is the last
            del self.waiting[-n_more:]
            taken += more
            size += sum(map(len, more))
        self.offset += size - sum(map(len, taken[:1]))
        self.number += max(0, len(taken) - 1)
        return taken

    def _fetch(self) -> bool:
        """Read some lines ahead, as much as is there; False at the end."""
        block: bytes = cast(Any, self.stream).read1(BLOCK)  # as all buffered streams have
        whole, newline, rest = block.rpartition(b"\n")
        lines = [line + newline for line in whole.split(newline)] if newline else []
        # The beginning of a line; a line is cut where `next` would cut it.
        if rest:
            lines.append(rest + self.stream.readline(MAX_CHARACTERS - len(rest)))
        self.waiting.extend(reversed(lines))
        return bool(lines)

    def put_back(self, lines: Sequence[bytes]) -> None:
        """Make these lines the next ones again."""
        self.waiting.extend(reversed(lines))
        self.offset -= sum(map(len, lines))
        self.number -= len(lines)

    def skip_to(self, position: Offset) -> None:
        """Skip the lines before a position that is ahead."""
        if self.stream.seekable() and position.offset > self.offset:
            self.stream.seek(position.offset)
            self.offset, self.number, self.waiting = position.offset, position.line, []
        while self.offset < position.offset and self.next() is not None:
            pass

    def position(self) -> Offset:
        """The position after the last line that was taken."""
        return Offset(self.offset, self.number)


def _without_bom(line: bytes) -> tuple[int, bytes]:
    """The length of the byte order mark at the start of a stream, and the line without it."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):  # files are decoded before, only stdin is not
        raise DataError("standard input is UTF-16; name it with --encoding utf-16")
    without = line.removeprefix(b"\xef\xbb\xbf")
    return len(line) - len(without), without


def shown_line(line: bytes) -> str:
    """The line as text; bytes that are not UTF-8 are escaped."""
    return line.rstrip(b"\r\n").decode("utf-8", errors="backslashreplace")


def bad_lines_error(name: str, bad: Sequence[BadLine]) -> DataError:
    """The error for a table with bad lines; it lists the first ones."""
    if len(bad) == 1:
        return DataError(f"{name} line {bad[0].line}: {bad[0].reason}")
    reasons = [f"line {each.line}: {each.reason}" for each in bad]
    return DataError(f"{name} has {len(bad):,} lines that cannot be parsed:{listed(reasons)}")


def swallowed_rows_note(name: str, lines: Sequence[int]) -> str:
    """The note on records, beginning in these lines, that may contain other records."""
    more = f", and so do {len(lines) - 1:,} others" if len(lines) > 1 else ""
    return (
        f"{name} line {lines[0]}: a quoted field extends over lines that each look like a row"
        f"{more}; if a closing quote is missing, rows are lost in that field"
    )


def reason_of(error: Exception) -> str:
    """Why a line cannot be parsed, in a few words."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
    if isinstance(error, UnicodeEncodeError):
        return "half of a surrogate pair, which is not a character"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
