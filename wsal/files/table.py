"""A whole table at once, or a file's records chunk by chunk."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.errors import DataError
from wsal.files import lines as reading
from wsal.files.delimited import DETECT, csv_chunks
from wsal.files.kinds import COMPRESSED, DELIMITED, JSON, KINDS, Kind, kind_of
from wsal.files.lines import BadLine, Chunk, Offset, bad_lines_error, swallowed_rows_note
from wsal.files.objects import columns, json_chunks
from wsal.files.options import TableOptions
from wsal.files.sheets import read_sheet, sheet_names
from wsal.files.streams import utf8_stream

logger = logging.getLogger(__name__)

Note = Callable[[str], None]
"""Takes a sentence on how a file was read."""


def log_note(sentence: str) -> None:
    """Log how a file was read; the command line shows it."""
    logger.warning("note: %s", sentence)


class NumberedTable(NamedTuple):
    """A table, and where in its file each row stands."""

    frame: pl.DataFrame
    rows: Sequence[int]
    """The line (of text), the row (of a sheet) or the number (of Parquet), counted from 1; of a
    folder, within each file. Rows that are blank are counted, but are not in the table."""
    advice: str
    """What to type if columns are not those that were expected; for the end of a message."""


def read_table(path: Path, options: TableOptions = DETECT, note: Note = log_note) -> pl.DataFrame:
    """The table in a file or a folder of files; see `numbered_table`.

    Raises:
        DataError: as `numbered_table`.
    """
    return numbered_table(path, options, note).frame


def numbered_table(
    path: Path, options: TableOptions = DETECT, note: Note = log_note
) -> NumberedTable:
    """The table in a csv, tsv, txt, json, jsonl, parquet or xlsx file, or a folder of such files.

    Text may be compressed (gz, bz2, xz, zst, a zip of one file). Columns of csv, json and xlsx are
    of text, and empty cells are null. Rows that are blank are left out.

    Raises:
        DataError: the path is missing, empty, of an unknown kind, or broken; or rows are no
            records: the message lists them with their lines.
    """
    files = files_of(path)
    tables = [_table(file, options, note) for file in files]
    for file, table in zip(files[1:], tables[1:], strict=True):
        require_same_columns(file, table.frame.columns, files[0], tables[0].frame.columns)
    rows = np.concatenate([np.asarray(table.rows, dtype=np.int64) for table in tables])
    try:
        frame = pl.concat([table.frame for table in tables], how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the files of {path} have columns of different kinds: {error}") from error
    return NumberedTable(frame, rows.tolist(), tables[0].advice)


def files_of(path: Path) -> list[Path]:
    """The file itself, or the tables in a folder by name: all of one kind.

    Raises:
        DataError: the folder has no table, or tables of several kinds.
    """
    if not path.is_dir():
        return [path]
    shown = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] not in "._")
    kinds = {file: _suffix(file) for file in shown}
    tables = [file for file in shown if kinds[file] in KINDS]
    if not tables:
        raise DataError(f"folder {path} has no file of a kind that can be read: {', '.join(KINDS)}")
    if len(several := sorted({kinds[file] for file in tables})) > 1:
        raise DataError(f"folder {path} has files of several kinds: {several}; expected one")
    return tables


def require_same_columns(
    file: Path, names: Sequence[str], first: Path, expected: Sequence[str]
) -> None:
    """Refuse a file of a folder that has other columns than the first one.

    Raises:
        DataError: it has.
    """
    if odd := sorted(set(names) ^ set(expected)):
        has, lacks = (file, first) if odd[0] in names else (first, file)
        raise DataError(
            f"{has} has a column {odd[0]!r} but {lacks} does not; all files need the same columns"
        )


def chunks(
    path: Path, kind: Kind, options: TableOptions, start: Offset, note: Note
) -> Generator[Chunk]:
    """The records of one file from a place on, chunk by chunk, and the lines that are none.

    Raises:
        DataError: the file is damaged, or has no header.
    """
    if kind.name == "parquet":
        yield from _parquet_chunks(path, start)
    elif kind.name == "xlsx":
        frame, rows = read_sheet(path, options)
        table = frame.to_arrow()
        for first in range(start.offset, len(table), reading.CHUNK_SIZE):
            after = min(first + reading.CHUNK_SIZE, len(table))
            yield Chunk(table[first:after], [], Offset(after), rows=rows[first:after])
    else:
        with utf8_stream(path, kind, options.encoding, note) as stream:
            if kind.name in JSON:
                yield from json_chunks(stream, str(path), start)
            else:
                yield from csv_chunks(stream, str(path), DELIMITED[kind.name], start, options)


def parquet_file(path: Path) -> pq.ParquetFile:
    """The file, opened.

    Raises:
        DataError: it is no Parquet, or damaged.
    """
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error


def _table(path: Path, options: TableOptions, note: Note) -> NumberedTable:
    kind = kind_of(path)
    frames: list[pl.DataFrame] = []
    rows: list[Sequence[int] | np.ndarray] = []
    bad: list[BadLine] = []
    doubtful: list[int] = []
    with closing(chunks(path, kind, options, Offset(), note)) as found:
        for chunk in found:
            table = columns(chunk.objects) if kind.name in JSON else chunk.table
            frames.append(pl.DataFrame(pl.from_arrow(table)))
            rows.append(chunk.rows)
            bad.extend(chunk.bad)
            doubtful.extend(chunk.suspicious)
    if (
        bad and len(bad) >= sum(map(len, frames)) and kind.name in DELIMITED
    ):  # it is not only these lines
        raise DataError(f"{bad_lines_error(str(path), bad)} ({_advice(kind, path)})")
    if bad:
        raise bad_lines_error(str(path), bad)
    if doubtful:
        note(swallowed_rows_note(str(path), doubtful))
    frame = _joined(frames)
    if frame.is_empty():
        raise DataError(f"{path} has no rows, only columns {frame.columns}")
    return NumberedTable(frame, np.concatenate([np.asarray(r) for r in rows]).tolist(),
                         _advice(kind, path))  # fmt: skip


def _joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All chunks; a column of json that holds a list anywhere is one of lists."""
    if not frames:
        return pl.DataFrame()
    lists = {name for one in frames for name, kind in one.schema.items() if kind == pl.List}
    text = [
        one.with_columns(
            pl.concat_list(name) for name in lists & set(one.columns) if one[name].dtype != pl.List
        )
        for one in frames
    ] if any(lists & set(one.columns) for one in frames) else frames  # fmt: skip
    return pl.concat(text, how="diagonal")


def _parquet_chunks(path: Path, start: Offset) -> Iterator[Chunk]:
    file, done = parquet_file(path), 0
    try:
        for batch in file.iter_batches(reading.CHUNK_SIZE):
            n, done = done, done + len(batch)
            if done > start.offset:
                rows = range(n + 1, done + 1)
                yield Chunk(pa.Table.from_batches([batch]), [], Offset(done), path.name, rows)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _suffix(path: Path) -> str:
    parts = path.name.lower().split(".")
    return parts[-2] if parts[-1] in COMPRESSED and len(parts) > 2 else parts[-1]


def _advice(kind: Kind, path: Path) -> str:
    if kind.name == "xlsx":
        names = ", ".join(sheet_names(path))
        return f"sheets: {names} (data.sheet=NAME); the header's row: data.header_row=N"
    if kind.name in DELIMITED:
        return "another delimiter: data.delimiter=semicolon; the header's line: data.header_row=N"
    return ""
