"""The header of a csv file, and the delimiter of its fields."""

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
SAMPLE = 50  # lines from which the delimiter is detected
SEP_LINE = re.compile(r'"?sep=(?P<delimiter>[^\r\n])"?\s*', re.IGNORECASE)  # Excel writes it


class Header(NamedTuple):
    """The names of the columns, and the delimiter."""

    names: list[str]
    delimiter: str


def read_header(lines: Lines, name: str, options: TableOptions, usual: str) -> Header:
    """Take the header from `lines`. `usual` is the delimiter if none can be detected.

    Raises:
        DataError: there is none, it cannot be parsed, or two columns have the same name.
    """
    delimiter = options.separator
    line = _first_line(lines, options.header_row)
    if line is not None and (declared := _sep_line(line)):
        delimiter = delimiter or declared
        line = _first_line(lines, None)
    if line is None:
        raise DataError(f"{name} is empty; expected a header and rows")
    number = lines.number
    delimiter = delimiter or detected(line, lines, usual)
    try:
        names, _ = read_record(line, lines, delimiter, None)
    except ValueError as error:
        raise DataError(
            f"{name} line {number} is the header and cannot be parsed: {reason_of(error)}"
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
        share = sum(count == counts[0] for count in counts) / len(counts)
        if (share, counts[0]) > most:
            best, most = delimiter, (share, counts[0])
    return best


def _counts(text: Sequence[str], delimiter: str) -> list[int]:
    """How many fields each record has that is not blank, up to the first that cannot be parsed."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(csv.reader(text, delimiter=delimiter))  # keeps the rows before an error
    return [len(row) for row in rows if "".join(row).strip()]


def _first_line(lines: Lines, number: int | None) -> bytes | None:
    """The line with this number, or the first that is not blank; None if there is none."""
    while (line := lines.next()) is not None:
        if line.strip() if number is None else lines.number == number:
            return line
    return None


def _sep_line(line: bytes) -> str | None:
    match = SEP_LINE.fullmatch(line.decode("utf-8", errors="replace"))
    return match["delimiter"] if match else None


def _named(names: Sequence[str], name: str) -> list[str]:
    """The names without surrounding space; if several are empty, they get numbers."""
    columns = [column.strip() for column in names]
    if with_nul := [i for i, column in enumerate(columns, start=1) if "\0" in column]:
        # Arrow ends a name at the first NUL, so that different names could become equal.
        raise DataError(
            f"{name}: the name of column {with_nul[0]} has a NUL character, so the file is damaged "
            "or in another encoding, such as UTF-16; save it as UTF-8"
        )
    if columns.count("") > 1:
        columns = [column or f"column {i}" for i, column in enumerate(columns, start=1)]
    if repeated := sorted({column for column in columns if columns.count(column) > 1}):
        raise DataError(f"{name} has two columns {repeated[0]!r}; give them different names")
    return columns
