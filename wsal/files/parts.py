"""A table in a file or a folder of files, some rows at a time, with the columns that are wanted."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from wsal.errors import DataError, did_you_mean
from wsal.files.kinds import JSON, Kind, kind_of
from wsal.files.lines import BadLine, Offset, swallowed_rows_note
from wsal.files.objects import columns
from wsal.files.options import TableOptions
from wsal.files.places import Place
from wsal.files.table import (
    Note,
    advice_on,
    bad_table_error,
    chunks,
    files_of,
    log_note,
    no_rows_error,
    parquet_file,
    require_same_columns,
)

MAX_BAD = 100_000  # lines that cannot be parsed, before a file is given up


class TablePart(NamedTuple):
    """Some rows of one file, and the lines among them that cannot be parsed."""

    frame: pl.DataFrame
    rows: Sequence[int] | np.ndarray
    """As `NumberedTable.rows`."""
    file: Place
    bad: Sequence[BadLine]


def table_parts(
    path: Place,
    wanted: Sequence[str],
    options: TableOptions,
    note: Note = log_note,
    *,
    bad_aside: bool = False,
) -> Iterator[TablePart]:
    """The columns `wanted` of the table that `numbered_table` reads whole, with the same rows.

    A column of Parquet has the type that suits all files of a folder. With `bad_aside`, lines that
    cannot be parsed are in the parts, and reading goes on; otherwise, they are an error.

    Raises:
        DataError: as `numbered_table`; or a column is missing.
    """
    files = files_of(path)
    first: _Columns | None = None
    types = (
        _common_types(path, files, wanted) if kind_of(files[0]).name == "parquet" else pl.Schema()
    )
    for file in files:
        reader = _Reader(file, kind_of(file), options, note, bad_aside=bad_aside)
        for part in reader.parts(wanted, first, path):
            yield part._replace(frame=part.frame.cast(types))
        first = first or _Columns(file, list(reader.names))


class _Columns(NamedTuple):
    """The columns of the first file."""

    file: Place
    names: list[str]


@dataclass
class _Reader:
    """Reads one file, and counts what it finds."""

    file: Place
    kind: Kind
    options: TableOptions
    note: Note
    bad_aside: bool
    names: dict[str, None] = field(default_factory=dict)
    n_rows: int = 0
    bad: list[BadLine] = field(default_factory=list)
    suspicious: list[int] = field(default_factory=list)

    def parts(
        self, wanted: Sequence[str], first: _Columns | None, path: Place
    ) -> Iterator[TablePart]:
        is_json = self.kind.name in JSON  # its columns are known when all records are
        only = None
        if self.kind.name == "parquet":
            with parquet_file(self.file) as parquet:
                self.names = dict.fromkeys(parquet.schema_arrow.names)
            self._require(wanted, first, path)
            only = wanted
        parts = chunks(self.file, self.kind, self.options, Offset(), self.note, only)
        with closing(parts):
            for chunk in parts:
                table = columns(chunk.objects) if is_json else chunk.table
                self._add_bad(chunk.bad)
                self.n_rows += len(table)
                if not self.names and not is_json:
                    self.names = dict.fromkeys(table.column_names)
                    self._require(wanted, first, path)
                self.names |= dict.fromkeys(table.column_names if is_json else ())
                self.suspicious.extend(chunk.suspicious)
                bad = chunk.bad if self.bad_aside else ()
                yield TablePart(_chosen(table, wanted), chunk.rows, self.file, bad)
        if self.bad and not self.bad_aside:
            raise bad_table_error(self.file, self.kind, self.bad, self.n_rows)
        if self.suspicious:
            self.note(swallowed_rows_note(str(self.file), self.suspicious))
        if not self.n_rows:
            raise no_rows_error(self.file, list(self.names))
        if is_json:
            self._require(wanted, first, path)

    def _add_bad(self, bad: Sequence[BadLine]) -> None:
        if self.bad_aside:
            return
        self.bad.extend(bad)
        if len(self.bad) > MAX_BAD:  # most likely a wrong delimiter
            raise bad_table_error(self.file, self.kind, self.bad, self.n_rows)

    def _require(self, wanted: Sequence[str], first: _Columns | None, path: Place) -> None:
        names = list(self.names)
        if first:
            require_same_columns(self.file, names, first.file, first.names)
        for name in wanted:
            if name not in names:
                if self.bad:  # most likely the same cause, and it shows more
                    raise bad_table_error(self.file, self.kind, self.bad, self.n_rows)
                advice = advice_on(self.kind, self.file)
                raise DataError(
                    f"{path} has no column {name!r}{did_you_mean(name, names)}"
                    + (advice and f" ({advice})")
                )


def _chosen(table: pa.Table, wanted: Sequence[str]) -> pl.DataFrame:
    """The columns, null where some records of JSON have none."""
    present = [name for name in wanted if name in table.column_names]
    frame = pl.DataFrame(pl.from_arrow(table.select(present)))
    missing = [
        pl.Series(name, [None], pl.String).new_from_index(0, len(table)).alias(name)
        for name in wanted
        if name not in present
    ]
    return frame.with_columns(missing).select(wanted) if missing else frame


def _common_types(path: Place, files: Sequence[Place], wanted: Sequence[str]) -> pl.Schema:
    """For each column that has different types in the files, the type that suits all of them."""
    schemas = []
    for file in files:
        with parquet_file(file) as parquet:
            empty = pl.DataFrame(pl.from_arrow(parquet.schema_arrow.empty_table()))
        schemas.append(empty.select(name for name in wanted if name in empty.columns))
    try:
        common = pl.concat(schemas, how="diagonal_relaxed").schema
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the files of {path} have columns of different types: {error}") from error
    differs = (
        name
        for name, dtype in common.items()
        if any(schema.schema.get(name, dtype) != dtype for schema in schemas)
    )
    return pl.Schema({name: common[name] for name in differs})
