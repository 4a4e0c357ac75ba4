"""Records of csv, tsv and txt, a chunk at a time; a bad line costs itself alone.

Most chunks are plain: Arrow reads them at once. Where one is not, Python's csv does, and what
that refuses is read by `quoting.record`, line by line. All three give the same rows.
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
from wsal.files.lines import MOST_CHARACTERS, Bad, Chunk, Lines, Offset, raw, said
from wsal.files.options import TableOptions
from wsal.files.quoting import MOST_LINES, fits, may_swallow, number_of_fields, record

DETECT = TableOptions()


def csv_chunks(
    stream: BinaryIO, name: str, usual: str, start: Offset, options: TableOptions = DETECT
) -> Iterator[Chunk]:
    """Chunks with the header's columns, all of text; an empty field is null.

    `usual` is the delimiter where none can be detected. Records whose fields are all empty are
    left out.

    Raises:
        DataError: the stream has no header that can be read.
    """
    before = csv.field_size_limit(MOST_CHARACTERS)
    try:
        lines = Lines(stream)
        header = read_header(lines, name, options, usual)
        if start.offset <= lines.offset and not (block := lines.several(1)):
            yield Chunk(_Found(header).table(), [], lines.place())  # columns alone
        elif start.offset <= lines.offset:
            lines.give_back(block)
        lines.go_to(start)
        while block := lines.several(reading.AT_ONCE):
            yield _chunk(block, lines, header)
    finally:
        csv.field_size_limit(before)


def _chunk(block: list[bytes], lines: Lines, header: Header) -> Chunk:
    first = lines.number - len(block) + 1
    plain = _plain(block, header)
    if plain is not None:
        table, rows = plain
        return Chunk(table, [], lines.place(), rows=rows + first)
    found = _Found(header)
    n_read = found.read_at_once(block, first)
    lines.give_back(block[n_read:])
    last = first + len(block)
    while lines.number + 1 < last and (line := lines.next()) is not None:
        found.read_with_care(line, lines)
    return Chunk(found.table(), found.bad, lines.place(), rows=found.lines, doubtful=found.doubtful)


def _plain(block: list[bytes], header: Header) -> tuple[pa.Table, np.ndarray] | None:
    """The table, and which line each row is; None if the lines are not plain.

    Plain are lines of which each is a record, where every quote opens or closes a field.
    """
    content = b"\n" + b"".join(block)
    quote = content.count(b'"')
    mark = re.escape(header.delimiter.encode())
    simple = rb"(?<=[\n" + mark + rb'])"[^"\n]*"(?=' + mark + rb"|\r?\n|$)"
    if len(header.delimiter.encode()) > 1 or content.count(b"\r") != content.count(b"\r\n"):
        return None
    if quote and len(re.findall(simple, content)) * 2 != quote:
        return None
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content[1:]),
            arrow_csv.ReadOptions(
                use_threads=False, column_names=header.names, block_size=len(content)
            ),
            arrow_csv.ParseOptions(
                delimiter=header.delimiter, quote_char='"' if quote else False
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header.names, pa.string()), null_values=[""],
                strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except pa.ArrowException:  # too few or too many fields, no UTF-8
        return None
    if len(table) != len(block):  # blank lines
        return None
    some = ~_all_blank(table)
    rows = np.arange(len(block))
    return (table, rows) if some.all() else (table.filter(pa.array(some)), rows[some])


def _all_blank(table: pa.Table) -> np.ndarray:
    """Which rows have nothing but white space in any field."""
    blank = np.ones(len(table), dtype=bool)
    for column in table.columns:
        if not blank.any():
            break
        stripped = pc.utf8_trim_whitespace(column.fill_null(""))
        blank &= pc.equal(stripped, "").to_numpy()
    return blank


@dataclass
class _Found:
    """Records and bad lines of one chunk."""

    header: Header
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    doubtful: list[int] = field(default_factory=list)

    def read_at_once(self, block: Sequence[bytes], first: int) -> int:
        """Take records up to the first that is none; how many lines they are."""
        try:
            lines = io.StringIO(b"".join(block).decode("utf-8"), newline="\n")
        except UnicodeDecodeError:
            return 0
        reader = csv.reader(lines, delimiter=self.header.delimiter, strict=True)
        n_read, n = 0, len(self.header.names)
        most = 1 if '\\"' in lines.getvalue() else MOST_LINES  # escaped: one line may be enough
        try:
            for row in reader:
                if (len(row) != n and not fits(row, n)) or reader.line_num - n_read > most:
                    break
                self._take(row, first + n_read)
                if reader.line_num - n_read > 1:
                    text = b"".join(block[n_read : reader.line_num]).decode("utf-8")
                    self._doubt(text, first + n_read)
                n_read = reader.line_num
        except csv.Error:
            pass
        return n_read

    def read_with_care(self, line: bytes, lines: Lines) -> None:
        """Take the record that begins with this line, or note why it is none."""
        number = lines.number
        try:
            row, text = record(line, lines, self.header.delimiter, len(self.header.names))
        except ValueError as error:
            self.bad.append(Bad(number, said(error), raw(line)))
            return
        if fits(row, len(self.header.names)):
            self._take(row, number)
            self._doubt(text, number)
        else:
            reason = number_of_fields(row, self.header.names)
            self.bad.append(Bad(number, reason, text.rstrip("\r\n")))

    def _take(self, row: list[str], number: int) -> None:
        if "".join(row).strip():
            self.rows.append(row)
            self.lines.append(number)

    def _doubt(self, text: str, number: int) -> None:
        if may_swallow(text, self.header.delimiter, len(self.header.names)):
            self.doubtful.append(number)

    def table(self) -> pa.Table:
        """The records."""
        names = self.header.names
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(names)
        arrays = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
        return pa.Table.from_arrays(arrays, names=names)
