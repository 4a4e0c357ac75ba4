"""Records of csv, tsv and txt in chunks. A line that cannot be parsed affects no other line.

Most chunks are plain, and Arrow reads them at once. The others are read by Python's csv, and the
lines that it rejects by `quoting.read_record`, one by one. A test checks that all three give the
same rows. Arrow alone does not suffice: for a quote that is never closed it does not say where, and
it has no position to continue from.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from wsal.files import lines as reading
from wsal.files.headers import Header, read_header
from wsal.files.lines import MAX_CHARACTERS, BadLine, Chunk, Lines, Offset, reason_of, shown_line
from wsal.files.options import TableOptions
from wsal.files.quoting import (
    MAX_LINES,
    field_count_problem,
    has_n_fields,
    may_swallow,
    read_record,
)

DETECT = TableOptions()


def csv_chunks(
    stream: BinaryIO, name: str, usual: str, start: Offset, options: TableOptions = DETECT
) -> Iterator[Chunk]:
    """Chunks whose columns are those of the header, all text; empty fields are null.

    `usual` is the delimiter if none can be detected. Records whose fields are all empty are
    left out.

    Raises:
        DataError: the header is missing or cannot be parsed.
    """
    before = csv.field_size_limit(MAX_CHARACTERS)
    try:
        lines = Lines(stream)
        header = read_header(lines, name, options, usual)
        if start.offset <= lines.offset and not (block := lines.several(1)):
            yield Chunk(_ChunkReader(header).table(), [], lines.position())  # columns alone
        elif start.offset <= lines.offset:
            lines.put_back(block)
        lines.skip_to(start)
        while block := lines.several(reading.CHUNK_SIZE):
            yield _chunk(block, lines, header)
    finally:
        csv.field_size_limit(before)


def _chunk(block: list[bytes], lines: Lines, header: Header) -> Chunk:
    first = lines.number - len(block) + 1
    plain = _read_plain(block, header)
    if plain is not None:
        table, rows = plain
        return Chunk(table, [], lines.position(), rows=rows + first)
    reader = _ChunkReader(header)
    n_read = reader.read_block(block, first)
    lines.put_back(block[n_read:])
    last = first + len(block)
    while lines.number + 1 < last and (line := lines.next()) is not None:
        reader.read_line(line, lines)
    return Chunk(
        reader.table(),
        reader.bad,
        lines.position(),
        rows=reader.lines,
        suspicious=reader.suspicious,
    )


def _read_plain(block: list[bytes], header: Header) -> tuple[pa.Table, np.ndarray] | None:
    """The table, and the line of each row within the block; None if the block is not plain.

    It is plain if each line is a record and each quote opens or closes a field.
    """
    content = b"\n" + b"".join(block)
    n_quotes = content.count(b'"')
    delimiter = re.escape(header.delimiter.encode())
    # It begins with the quote, which is searched for faster than what comes before it.
    quoted_field = rb'"(?<=[\n' + delimiter + rb']")[^"\n]*"(?=' + delimiter + rb"|\r?\n|$)"
    if len(header.delimiter.encode()) > 1 or content.count(b"\r") != content.count(b"\r\n"):
        return None
    if n_quotes and len(re.findall(quoted_field, content)) * 2 != n_quotes:
        return None
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content[1:]),
            arrow_csv.ReadOptions(
                use_threads=False, column_names=header.names, block_size=len(content)
            ),
            arrow_csv.ParseOptions(
                delimiter=header.delimiter, quote_char='"' if n_quotes else False
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header.names, pa.string()), null_values=[""],
                strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except pa.ArrowException:  # too few or too many fields, or not UTF-8
        return None
    if len(table) != len(block):  # blank lines
        return None
    kept = ~_all_blank(table)
    rows = np.arange(len(block))
    return (table, rows) if kept.all() else (table.filter(pa.array(kept)), rows[kept])


def _all_blank(table: pa.Table) -> np.ndarray:
    """`(rows,)`: whether all fields are empty or white space."""
    blank = np.ones(len(table), dtype=bool)
    for column in table.columns:
        if not blank.any():
            break
        stripped = pc.utf8_trim_whitespace(column.fill_null(""))
        blank &= pc.equal(stripped, "").to_numpy()
    return blank


@dataclass
class _ChunkReader:
    """Collects the records and the bad lines of one chunk."""

    header: Header
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    suspicious: list[int] = field(default_factory=list)

    def read_block(self, block: Sequence[bytes], first: int) -> int:
        """Add the records before the first that cannot be parsed; returns their number of lines."""
        try:
            lines = io.StringIO(b"".join(block).decode("utf-8"), newline="\n")
        except UnicodeDecodeError:
            return 0
        reader = csv.reader(lines, delimiter=self.header.delimiter, strict=True)
        n_read, n = 0, len(self.header.names)
        most = 1 if '\\"' in lines.getvalue() else MAX_LINES  # \" may be an escaped quote
        try:
            for row in reader:
                if (len(row) != n and not has_n_fields(row, n)) or reader.line_num - n_read > most:
                    break
                self._add(row, first + n_read)
                if reader.line_num - n_read > 1:
                    text = b"".join(block[n_read : reader.line_num]).decode("utf-8")
                    self._check(text, first + n_read)
                n_read = reader.line_num
        except csv.Error:
            pass
        return n_read

    def read_line(self, line: bytes, lines: Lines) -> None:
        """Add the record that begins with this line, or the reason why it cannot be parsed."""
        number = lines.number
        try:
            row, text = read_record(line, lines, self.header.delimiter, len(self.header.names))
        except ValueError as error:
            self.bad.append(BadLine(number, reason_of(error), shown_line(line)))
            return
        if has_n_fields(row, len(self.header.names)):
            self._add(row, number)
            self._check(text, number)
        else:
            reason = field_count_problem(row, self.header.names)
            self.bad.append(BadLine(number, reason, text.rstrip("\r\n")))

    def _add(self, row: list[str], number: int) -> None:
        if "".join(row).strip():
            self.rows.append(row)
            self.lines.append(number)

    def _check(self, text: str, number: int) -> None:
        if may_swallow(text, self.header.delimiter, len(self.header.names)):
            self.suspicious.append(number)

    def table(self) -> pa.Table:
        """The records."""
        names = self.header.names
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(names)
        arrays = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
        return pa.Table.from_arrays(arrays, names=names)
