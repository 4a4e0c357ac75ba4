"""Read a whole table at once, or the records of a file in chunks."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, cast

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
from wsal.files.places import P, Place
from wsal.files.sheets import read_sheet, sheet_names
from wsal.files.streams import utf8_stream

logger = logging.getLogger(__name__)

Note = Callable[[str], None]
"""A function that is called with a sentence on how a file was read."""


def log_note(sentence: str) -> None:
    """Log how a file was read; the command line shows it."""
    logger.warning("note: %s", sentence)


class NumberedTable(NamedTuple):
    """A table, and the position of each row in its file."""

    frame: pl.DataFrame
    rows: Sequence[int]
    """The line of a text file, the row of a sheet, or the number of a Parquet row, counted from 1
    in each file of a folder. Blank rows are counted, but are not in the table."""
    advice: str
    """What to set if the columns are not as expected, for the end of a message; may be empty."""


def read_table(path: Place, options: TableOptions = DETECT, note: Note = log_note) -> pl.DataFrame:
    """The table in a file or a folder of files; see `numbered_table`.

    Raises:
        DataError: as `numbered_table`.
    """
    return numbered_table(path, options, note).frame


def numbered_table(
    path: Place, options: TableOptions = DETECT, note: Note = log_note
) -> NumberedTable:
    """The table in a csv, tsv, txt, json, jsonl, parquet or xlsx file, or a folder of such files.

    Text may be compressed (gz, bz2, xz, zst, or a zip of one file). The columns of csv, json and
    xlsx are text, and empty cells are null. Blank rows are left out.

    Args:
        path: the file or folder.
        options: how to read it; what is not set is detected.
        note: called with a sentence on anything unusual; by default, it is logged.

    Raises:
        DataError: the path is missing, empty, damaged or of an unknown kind, or lines cannot be
            parsed: the message lists them.
    """
    files = files_of(path)
    tables = [_table(file, options, note) for file in files]
    for file, table in zip(files[1:], tables[1:], strict=True):
        require_same_columns(file, table.frame.columns, files[0], tables[0].frame.columns)
    rows = np.concatenate([np.asarray(table.rows, dtype=np.int64) for table in tables])
    try:
        frame = pl.concat([table.frame for table in tables], how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the files of {path} have columns of different types: {error}") from error
    return NumberedTable(frame, rows.tolist(), tables[0].advice)


def files_of(path: P) -> list[P]:
    """The file itself, or the tables in a folder, sorted by name; all of the same kind.

    Raises:
        DataError: the folder has no table, or tables of several kinds.
    """
    if not path.is_dir():
        return [path]
    places = cast(list[P], [*path.iterdir()])
    visible = [p for p in places if p.name[0] not in "._" and p.is_file()]
    visible.sort(key=lambda place: place.name)
    kinds = {file: _suffix(file) for file in visible}
    tables = [file for file in visible if kinds[file] in KINDS]
    if not tables:
        raise DataError(f"folder {path} has no file of a kind that can be read: {', '.join(KINDS)}")
    if len(several := sorted({kinds[file] for file in tables})) > 1:
        raise DataError(f"folder {path} has files of several kinds: {several}; expected one")
    return tables


def require_same_columns(
    file: Place, names: Sequence[str], first: Place, expected: Sequence[str]
) -> None:
    """Check that a file of a folder has the columns of the first one.

    Raises:
        DataError: it has others.
    """
    if different := sorted(set(names) ^ set(expected)):
        column = different[0]
        has, lacks = (file, first) if column in names else (first, file)
        raise DataError(
            f"{has} has a column {column!r} but {lacks} does not; all files need the same columns"
        )


def chunks(
    path: Place,
    kind: Kind,
    options: TableOptions,
    start: Offset,
    note: Note,
    only: Sequence[str] | None = None,
) -> Generator[Chunk]:
    """The records of one file from `start` on, in chunks, with the lines that cannot be parsed.

    From Parquet, only the columns `only` are read; from other kinds, always all columns.

    Raises:
        DataError: the file is damaged, or has no header.
    """
    if kind.name == "parquet":
        yield from _parquet_chunks(path, start, only)
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


def parquet_file(path: Place) -> pq.ParquetFile:
    """The open file.

    Raises:
        DataError: it is not Parquet, or damaged.
    """
    try:
        return pq.ParquetFile(path if isinstance(path, Path) else path.open())
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error


def _table(path: Place, options: TableOptions, note: Note) -> NumberedTable:
    kind = kind_of(path)
    frames: list[pl.DataFrame] = []
    rows: list[Sequence[int] | np.ndarray] = []
    bad: list[BadLine] = []
    suspicious: list[int] = []
    with closing(chunks(path, kind, options, Offset(), note)) as parts:
        for chunk in parts:
            table = columns(chunk.objects) if kind.name in JSON else chunk.table
            frames.append(pl.DataFrame(pl.from_arrow(table)))
            rows.append(chunk.rows)
            bad.extend(chunk.bad)
            suspicious.extend(chunk.suspicious)
    if bad:
        raise bad_table_error(path, kind, bad, sum(map(len, frames)))
    if suspicious:
        note(swallowed_rows_note(str(path), suspicious))
    frame = _concatenated(frames)
    if frame.is_empty():
        raise no_rows_error(path, frame.columns)
    numbers = np.concatenate([np.asarray(part) for part in rows]).tolist()
    return NumberedTable(frame, numbers, advice_on(kind, path))


def _concatenated(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All chunks; a column of JSON that is one of lists in a chunk is one of lists in all."""
    if not frames:
        return pl.DataFrame()
    lists = {name for frame in frames for name, dtype in frame.schema.items() if dtype == pl.List}
    if lists:
        frames = [
            frame.with_columns(
                pl.concat_list(name)
                for name in lists & set(frame.columns)
                if frame[name].dtype != pl.List
            )
            for frame in frames
        ]
    return pl.concat(frames, how="diagonal")


def _parquet_chunks(path: Place, start: Offset, only: Sequence[str] | None) -> Iterator[Chunk]:
    file, done = parquet_file(path), 0
    try:
        for batch in file.iter_batches(reading.CHUNK_SIZE, columns=only):
            n, done = done, done + len(batch)
            if done > start.offset:
                rows = range(n + 1, done + 1)
                yield Chunk(pa.Table.from_batches([batch]), [], Offset(done), path.name, rows)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def _suffix(path: Place) -> str:
    parts = path.name.lower().split(".")
    return parts[-2] if parts[-1] in COMPRESSED and len(parts) > 2 else parts[-1]


def bad_table_error(path: Place, kind: Kind, bad: Sequence[BadLine], n_rows: int) -> DataError:
    """The error for a table with lines that cannot be parsed and `n_rows` rows that can."""
    error = bad_lines_error(str(path), bad)
    # If most lines are bad, the delimiter or the header may be wrong.
    if kind.name in DELIMITED and len(bad) >= n_rows:
        return DataError(f"{error} ({advice_on(kind, path)})")
    return error


def no_rows_error(path: Place, names: Sequence[str]) -> DataError:
    """The error for a table without rows."""
    return DataError(f"{path} has no rows, only columns {list(names)}")


def advice_on(kind: Kind, path: Place) -> str:
    """What to set if the columns are not as expected, for the end of a message; may be empty."""
    if kind.name == "xlsx":
        names = ", ".join(sheet_names(path))
        return f"sheets: {names} (data.sheet=NAME); the header's row: data.header_row=N"
    if kind.name in DELIMITED:
        return "another delimiter: data.delimiter=semicolon; the header's line: data.header_row=N"
    return ""
