"""The input of `wsal predict`, a chunk of records at a time: a file, a folder, or a stream."""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from wsal.digests import digest_of
from wsal.errors import ConfigError
from wsal.files import TableOptions
from wsal.files.delimited import DETECT, csv_chunks
from wsal.files.kinds import DELIMITED, JSON, Kind, kind_of
from wsal.files.lines import Chunk, Offset, swallowed_rows_note
from wsal.files.objects import json_chunks
from wsal.files.streams import Transcoded
from wsal.files.table import chunks, files_of, log_note, parquet_file, require_same_columns

STREAMED = ("csv", "tsv", "jsonl", "ndjson")
STREAM = "-"


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
    def can_resume(self) -> bool:
        """Whether it can be read again from any position."""
        return str(self.path) != STREAM

    def fingerprint(self) -> str:
        """Changes with the names, sizes or times of the files, as their content does."""
        files = self.files if self.can_resume else []
        stats = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
        return digest_of([self.kind, asdict(self.options), stats])

    @property
    def files(self) -> list[Path]:
        """The file, or those of the folder in the order of their names."""
        return files_of(self.path)

    def n_rows(self) -> int | None:
        """The number of rows, if it is known without reading them."""
        if self.kind != "parquet":
            return None
        return sum(int(parquet_file(file).metadata.num_rows) for file in self.files)

    def chunks(self, start: Offset) -> Iterator[Chunk]:
        """Chunks of records from a position on, in their order.

        Raises:
            DataError: a file is damaged, or has no header; files of a folder differ in columns.
        """
        if not self.can_resume:
            yield from self._streamed()
            return
        is_folder = self.path.is_dir()
        names = self._first_columns() if is_folder else []
        for number, file in enumerate(self.files[start.file :], start=start.file):
            offset = start if number == start.file else Offset()
            for chunk in chunks(file, self._kind(file), self.options, offset, log_note):
                if chunk.suspicious:
                    log_note(swallowed_rows_note(str(file), chunk.suspicious))
                names = names or chunk.table.column_names
                require_same_columns(file, chunk.table.column_names, self.files[0], names)
                yield replace(
                    chunk,
                    table=chunk.table.select(names),
                    after=replace(chunk.after, file=number),
                    file=file.name if is_folder else "",
                )

    def _first_columns(self) -> list[str]:
        """The columns of a folder's first file; all its files are written in this order."""
        first = self.files[0]
        reader = chunks(first, self._kind(first), self.options, Offset(), lambda _: None)
        with closing(reader):
            chunk = next(reader, None)
        return list(chunk.table.column_names) if chunk else []

    def _kind(self, file: Path) -> Kind:
        return kind_of(file, None if self.path.is_dir() else self.kind)

    def _streamed(self) -> Iterator[Chunk]:
        stream: BinaryIO = sys.stdin.buffer
        name = "standard input"
        if self.options.encoding:
            decoded = Transcoded(stream, self.options.encoding, name)
            stream = cast(BinaryIO, BufferedReader(decoded))
        if self.is_json:
            yield from json_chunks(stream, name, Offset())
        else:
            yield from csv_chunks(stream, name, DELIMITED[self.kind], Offset(), self.options)
