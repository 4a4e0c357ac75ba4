"""The cells that a table is cut into, and reading the rows of one.

A cell is a part of a row group of Parquet or a range of bytes of a text file. Files that cannot be
read from the middle (compressed, a workbook, or not UTF-8) are one cell each.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from wsal.errors import DataError, did_you_mean
from wsal.files.delimited import DETECT, csv_chunks
from wsal.files.headers import read_header
from wsal.files.kinds import DELIMITED, Kind, kind_of
from wsal.files.lines import Chunk, Lines, Offset
from wsal.files.objects import columns, json_chunks
from wsal.files.table import chunks, files_of, parquet_file

CELL_ROWS = 5_000  # of Parquet
CELL_BYTES = 1 << 19  # of text
HEAD = 1 << 16  # bytes by which UTF-8 is recognised
LINES = ("jsonl", "ndjson")


@dataclass(frozen=True)
class Cell:
    """Rows or bytes `start` to `end` of a file; of Parquet, counted in a row group."""

    file: Path
    kind: Kind
    start: int
    end: int
    group: int = 0
    whole: bool = False

    @property
    def size(self) -> int:
        """Rows of Parquet, bytes of other files."""
        return self.end - self.start


def column_names(path: Path) -> list[str]:
    """The columns of the table.

    Raises:
        DataError: there is no table at the path, or it has no rows.
    """
    file = files_of(path)[0]
    kind = kind_of(file)
    if kind.name == "parquet":
        return list(parquet_file(file).schema_arrow.names)
    with closing(chunks(file, kind, DETECT, Offset(), lambda _: None)) as parts:
        for chunk in parts:
            return _table(chunk, kind).columns
    raise DataError(f"{path} has no rows")


def text_columns(path: Path, named: Sequence[str]) -> list[str]:
    """The columns with the text: those named, or else `text` or `title`, or the only column.

    Raises:
        DataError: the table lacks a column, or does not tell which column has the text.
    """
    names = column_names(path)
    for name in named:
        if name not in names:
            raise DataError(f"{path} has no column {name!r}{did_you_mean(name, names)}")
    if named:
        return list(named)
    for usual in ("text", "title"):
        if usual in names:
            return [usual]
    if len(names) > 1:
        raise DataError(
            f"{path} has the columns {', '.join(names)}; name those with the text: --text NAME,NAME"
        )
    return names


def cells_of(file: Path, kind: Kind) -> list[Cell]:
    """All cells of a file, in their order."""
    if kind.name == "parquet":
        with parquet_file(file) as opened:
            sizes = [opened.metadata.row_group(g).num_rows for g in range(opened.num_row_groups)]
        return [
            Cell(file, kind, start, min(start + CELL_ROWS, size), group)
            for group, size in enumerate(sizes)
            for start in range(0, size, CELL_ROWS)
        ]
    size = file_size(file)
    if kind.compression or kind.name not in (*DELIMITED, *LINES) or not _has_plain_lines(file):
        return [Cell(file, kind, 0, size, whole=True)]
    starts = range(_header_end(file, kind), size, CELL_BYTES)
    return [Cell(file, kind, start, min(start + CELL_BYTES, size)) for start in starts]


def file_size(file: Path) -> int:
    """In bytes."""
    with file.open("rb") as stream:
        return stream.seek(0, io.SEEK_END)


def rows_of_group(cells: list[Cell], names: Sequence[str]) -> tuple[list[pl.DataFrame], int]:
    """The rows of cells in the same row group, and how many rows had to be read for them.

    Raises:
        DataError: the file is damaged.
    """
    wanted = {cell.start for cell in cells}
    frames, first = [], 0
    with parquet_file(cells[0].file) as file:
        try:
            batches = file.iter_batches(
                CELL_ROWS, row_groups=[cells[0].group], columns=list(dict.fromkeys(names))
            )
            for batch in batches:
                if first in wanted:
                    frames.append(pl.DataFrame(pl.from_arrow(batch)).select(names))
                first += len(batch)
                if len(frames) == len(cells):
                    break
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{cells[0].file} is damaged: {error}") from error
    return frames, first


def rows_of_text(cell: Cell) -> tuple[pl.DataFrame, int]:
    """The records whose lines begin in the cell, and the number of lines that cannot be parsed."""
    parts: Iterator[Chunk]
    if cell.whole:
        parts = chunks(cell.file, cell.kind, DETECT, Offset(), lambda _: None)
    else:
        first = _header_end(cell.file, cell.kind)
        with cell.file.open("rb") as file:
            header = file.read(first)
            file.seek(max(first, cell.start - 1))
            if cell.start > first:
                file.readline()  # its beginning is in the cell before
            lines = file.read(max(0, cell.end - file.tell()))
            lines += b"" if not lines or lines.endswith(b"\n") else file.readline()
        stream = io.BytesIO(header + lines)
        if cell.kind.name in LINES:
            parts = json_chunks(stream, str(cell.file), Offset())
        else:
            usual = DELIMITED[cell.kind.name]
            parts = csv_chunks(stream, str(cell.file), usual, Offset(), DETECT)
    read = [(_table(chunk, cell.kind), len(chunk.bad)) for chunk in parts]
    frames = [frame for frame, _ in read if len(frame)]
    none = read[0][0] if read else pl.DataFrame()
    return pl.concat(frames or [none], how="diagonal"), sum(n for _, n in read)


def selected(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """These columns; a key that no record of JSON in the cell has is null."""
    missing = pl.Series([None] * len(frame), dtype=pl.String)
    return pl.DataFrame({name: frame[name] if name in frame.columns else missing for name in names})


def _table(chunk: Chunk, kind: Kind) -> pl.DataFrame:
    is_json = kind.name in (*LINES, "json")
    return pl.DataFrame(pl.from_arrow(columns(chunk.objects) if is_json else chunk.table))


def _header_end(file: Path, kind: Kind) -> int:
    if kind.name in LINES:
        return 0
    with file.open("rb") as stream:
        lines = Lines(stream)
        read_header(lines, str(file), DETECT, DELIMITED[kind.name])
        return lines.offset


def _has_plain_lines(file: Path) -> bool:
    """Whether the file is UTF-8 with a record in each line, as far as its beginning shows."""
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < HEAD:  # not cut within a character
            return False
    old_mac = b"\r" in head and b"\n" not in head
    return not (b"\0" in head or old_mac or head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"[")
