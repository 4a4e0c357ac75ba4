"""The header of a csv file: where it stands, and what separates its fields."""

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from wsal.errors import DataError
from wsal.files.lines import Lines, reason_of
from wsal.files.options import TableOptions
from wsal.files.quoting import read_record

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 50  # lines that tell which delimiter it is
SEP_LINE = re.compile(r'"?sep=(?P<delimiter>[^\r\n])"?\s*', re.IGNORECASE)  # Excel writes it


class Header(NamedTuple):
    """The names of the columns, and what separates fields."""

    names: list[str]
    delimiter: str


def read_header(lines: Lines, name: str, options: TableOptions, usual: str) -> Header:
    """The header; `lines` stand after it then. `usual` is the delimiter if none can be detected.

    Raises:
        DataError: there is none, it cannot be read, or two columns have one name.
    """
    delimiter = options.separator
    line = _first_line(lines, options.header_row)
    if line is not None and (found := _sep_line(line)):
        delimiter = delimiter or found
        line = _first_line(lines, None)
    if line is None:
        raise DataError(f"{name} is empty; expected a header and rows")
    number = lines.number
    delimiter = delimiter or detected(line, lines, usual)
    try:
        names, _ = read_record(line, lines, delimiter, None)
    except ValueError as error:
        raise DataError(
            f"{name} line {number} is the header, and cannot be read: {reason_of(error)}"
        ) from error
    return Header(_named(names, name), delimiter)


def detected(header: bytes, lines: Lines, usual: str) -> str:
    """The delimiter that gives most of the next lines as many fields as the header."""
    sample = [header, *lines.several(SAMPLE)]
    lines.put_back(sample[1:])
    text = [line.decode("utf-8", errors="replace") for line in sample]
    best, most = usual, (0.0, 0)
    for delimiter in dict.fromkeys((usual, *DELIMITERS)):
        counts = _counts(text, delimiter)
        if not counts or counts[0] < 2:
            continue
        alike = sum(count == counts[0] for count in counts) / len(counts)
        if (alike, counts[0]) > most:
            best, most = delimiter, (alike, counts[0])
    return best


def _counts(text: Sequence[str], delimiter: str) -> list[int]:
    """How many fields each record has that is not blank, up to one that is none."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(csv.reader(text, delimiter=delimiter))  # keeps those before the error
    return [len(row) for row in rows if "".join(row).strip()]


def _first_line(lines: Lines, number: int | None) -> bytes | None:
    """The line of this number, or the first that is not blank; None if there is none."""
    while (line := lines.next()) is not None:
        if line.strip() if number is None else lines.number == number:
            return line
    return None


def _sep_line(line: bytes) -> str | None:
    found = SEP_LINE.fullmatch(line.decode("utf-8", errors="replace"))
    return found["delimiter"] if found else None


def _named(names: Sequence[str], name: str) -> list[str]:
    """The names without space around them; where several are empty, each gets one."""
    names = [one.strip() for one in names]
    if odd := [number for number, one in enumerate(names, start=1) if "\0" in one]:
        # Arrow ends a name at the first NUL: several names could become one
        raise DataError(
            f"{name}: the name of column {odd[0]} has a NUL character, so this is damaged, or text "
            "in another encoding, such as UTF-16; save it as UTF-8"
        )
    if names.count("") > 1:
        names = [one or f"column {number}" for number, one in enumerate(names, start=1)]
    if twice := sorted({one for one in names if names.count(one) > 1}):
        raise DataError(f"{name} has two columns {twice[0]!r}; give each a name of its own")
    return names
