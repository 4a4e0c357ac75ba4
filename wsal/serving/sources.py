"""The input of `wsal predict`, a chunk of records at a time: a file, a folder, or a stream."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from wsal.digests import digest_of
from wsal.errors import ConfigError, DataError
from wsal.files import TableOptions
from wsal.files import lines as reading
from wsal.files.delimited import DETECT, csv_chunks
from wsal.files.kinds import DELIMITED, JSON, Kind, kind_of
from wsal.files.lines import Chunk, Offset, swallowed_rows_note
from wsal.files.objects import json_chunks
from wsal.files.streams import Transcoded
from wsal.files.table import chunks, files_of, log_note, parquet_file, require_same_columns

STREAMED = ("csv", "tsv", "jsonl", "ndjson")
STREAM = "-"
BYTES_PER_ROW = 100  # of text, where rows are not counted yet
UNPACKED = 4  # bytes for a byte of a compressed file


@dataclass(frozen=True)
class Extent:
    """A file of the input, or a range of row groups of a Parquet file."""

    file: int
    """Its number in `Source.files`."""
    groups: tuple[int, int] | None
    """The first row group, and the one after the last; None: the whole file."""
    n_rows: int
    """Exact for Parquet, an estimate for other kinds."""


@dataclass(frozen=True)
class Source:
    """A file, a folder of files of one kind, or standard input."""

    path: Path
    kind: str
    options: TableOptions = DETECT

    @classmethod
    def of(cls, path: Path, kind: str | None = None, options: TableOptions = DETECT) -> "Source":
        """The input at this path, of the kind of its suffix unless `kind` is given.

        Raises:
            DataError: there is nothing at the path, or nothing that can be read.
            ConfigError: standard input without a kind, or with one that cannot be streamed.
        """
        if str(path) == STREAM:
            if kind not in STREAMED:
                raise ConfigError(
                    f"standard input needs --format with its kind: {', '.join(STREAMED)}"
                )
            return cls(path, kind, options)
        return cls(path, kind_of(files_of(path)[0], kind).name, options)

    @property
    def is_json(self) -> bool:
        """Whether chunks have a single column, the JSON text of each record."""
        return self.kind in JSON

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input, which can be read only once."""
        return str(self.path) == STREAM

    def fingerprint(self) -> str:
        """Changes with the names, sizes or times of the files, as their content does."""
        stats = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in self.files]
        return digest_of([self.kind, asdict(self.options), stats])

    @property
    def files(self) -> list[Path]:
        """The file, or those of the folder in the order of their names."""
        return files_of(self.path)

    def shards(self, shard_rows: int) -> list[list[Extent]]:
        """The input cut into shards of about `shard_rows` rows, in order.

        Only Parquet files are cut, and only between row groups.
        """
        shards: list[list[Extent]] = [[]]
        n_rows = 0
        for extent in self._extents():
            if n_rows and n_rows + extent.n_rows > shard_rows:
                shards.append([])
                n_rows = 0
            n_rows += extent.n_rows
            before = shards[-1].pop() if shards[-1] else None
            shards[-1] += _joined(before, extent) if before else [extent]
        return shards

    def _extents(self) -> Iterator[Extent]:
        for number, file in enumerate(self.files):
            if self.kind == "parquet":
                metadata = parquet_file(file).metadata
                if not metadata.num_row_groups:
                    yield Extent(number, (0, 0), 0)
                for group in range(metadata.num_row_groups):
                    n_rows = int(metadata.row_group(group).num_rows)
                    yield Extent(number, (group, group + 1), n_rows)
            else:
                factor = UNPACKED if self._kind(file).compression else 1
                yield Extent(number, None, 1 + file.stat().st_size * factor // BYTES_PER_ROW)

    def chunks(
        self, extents: Sequence[Extent], note: Callable[[str], None] = log_note
    ) -> Iterator[Chunk]:
        """Chunks of records of these extents, in their order; `note` is called as by `chunks`.

        Raises:
            DataError: a file is damaged, or has no header; files of a folder differ in columns.
        """
        files, is_folder = self.files, self.path.is_dir()
        schema = self._first_schema() if is_folder else None
        for extent in extents:
            file = files[extent.file]
            for chunk in self._file_chunks(file, extent, note):
                if chunk.suspicious:
                    note(swallowed_rows_note(str(file), chunk.suspicious))
                table = chunk.table
                if schema is not None:
                    require_same_columns(file, table.column_names, files[0], schema.names)
                    table = _cast(table.select(schema.names), schema, file)
                yield replace(chunk, table=table, file=file.name if is_folder else "")

    def _file_chunks(
        self, file: Path, extent: Extent, note: Callable[[str], None]
    ) -> Iterator[Chunk]:
        if extent.groups is None:
            yield from chunks(file, self._kind(file), self.options, Offset(), note)
            return
        groups = range(*extent.groups)
        try:
            with parquet_file(file) as parquet:
                empty = parquet.schema_arrow.empty_table()
                yield Chunk(empty, [], Offset())  # columns alone
                for batch in parquet.iter_batches(reading.CHUNK_SIZE, row_groups=groups):
                    yield Chunk(pa.Table.from_batches([batch]), [], Offset())
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{file} is damaged: {error}") from error

    def _first_schema(self) -> pa.Schema | None:
        """The columns of a folder's first file; all its files are written with these."""
        first = self.files[0]
        if self.kind == "parquet":
            return parquet_file(first).schema_arrow
        reader = chunks(first, self._kind(first), self.options, Offset(), lambda _: None)
        with closing(reader):
            chunk = next(reader, None)
        return chunk.table.schema if chunk else None

    def _kind(self, file: Path) -> Kind:
        return kind_of(file, None if self.path.is_dir() else self.kind)

    def stream(self) -> Iterator[Chunk]:
        """Chunks of records of standard input."""
        stream: BinaryIO = sys.stdin.buffer
        name = "standard input"
        if self.options.encoding:
            decoded = Transcoded(stream, self.options.encoding, name)
            stream = cast(BinaryIO, BufferedReader(decoded))
        if self.is_json:
            yield from json_chunks(stream, name, Offset())
        else:
            yield from csv_chunks(stream, name, DELIMITED[self.kind], Offset(), self.options)


def _joined(before: Extent, extent: Extent) -> list[Extent]:
    """Two neighbours, as one if they are row groups of the same file."""
    if before.groups is None or extent.groups is None or before.file != extent.file:
        return [before, extent]
    groups = (before.groups[0], extent.groups[1])
    return [Extent(extent.file, groups, before.n_rows + extent.n_rows)]


def _cast(table: pa.Table, schema: pa.Schema, file: Path) -> pa.Table:
    try:
        return table.cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(
            f"{file} has columns of other types than the first file: {error}"
        ) from error
