"""What is to be labelled, a chunk of records at a time: files, folders of Parquet, a stream."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from wsal.artifacts import digest_of
from wsal.errors import ConfigError, DataError, did_you_mean
from wsal.files import existing, read_table
from wsal.serving.lines import AT_ONCE, Chunk, Place, csv_chunks, json_chunks

KINDS = ("csv", "tsv", "jsonl", "ndjson", "parquet", "xlsx")
STREAMED = ("csv", "tsv", "jsonl", "ndjson")
STREAM = "-"


@dataclass(frozen=True)
class Source:
    """A file, a folder of Parquet files, or standard input; `kind` is one of `KINDS`."""

    path: Path
    kind: str

    @classmethod
    def of(cls, path: Path, kind: str | None = None) -> "Source":
        """What lies at the path; its kind is told by the suffix, unless it is given.

        Raises:
            DataError: nothing does, or nothing that can be read.
            ConfigError: standard input without a kind, or with one that cannot be streamed.
        """
        if str(path) == STREAM:
            if kind not in STREAMED:
                raise ConfigError(
                    f"what comes by standard input is named with --format: {STREAMED}"
                )
            return cls(path, kind)
        if path.is_dir():
            if not any(path.glob("*.parquet")):
                raise DataError(f"folder {path} has no file *.parquet")
            return cls(path, "parquet")
        kind = kind or existing(path).suffix.lower().removeprefix(".")
        if kind not in KINDS:
            raise DataError(
                f"{path}: a file of kind {kind!r} cannot be read{did_you_mean(kind, KINDS)}"
            )
        return cls(path, kind)

    @property
    def is_json(self) -> bool:
        """Whether chunks have one column, the text of each record."""
        return self.kind in ("jsonl", "ndjson")

    @property
    def can_resume(self) -> bool:
        """Whether it can be read again from a place on."""
        return str(self.path) != STREAM

    def fingerprint(self) -> str:
        """Changes when the content is another: by names, sizes and times of the files."""
        files = self.files if self.can_resume else []
        told = [[str(one), one.stat().st_size, one.stat().st_mtime_ns] for one in files]
        return digest_of([self.kind, told])

    @property
    def files(self) -> list[Path]:
        """The file, or those of the folder by name."""
        return sorted(self.path.glob("*.parquet")) if self.path.is_dir() else [self.path]

    def n_rows(self) -> int | None:
        """How many there are, where that is known without reading them."""
        if self.kind != "parquet":
            return None
        return sum(int(_parquet(one).metadata.num_rows) for one in self.files)

    def chunks(self, start: Place) -> Iterator[Chunk]:
        """Chunks of records from a place on, in their order.

        Raises:
            DataError: a file is damaged, or has no header.
        """
        if self.kind == "parquet":
            yield from self._tables(start)
        elif self.kind == "xlsx":
            table = read_table(self.path).to_arrow()
            for first in range(start.offset, len(table), AT_ONCE):
                part = table.slice(first, AT_ONCE)
                yield Chunk(part, [], Place(first + len(part)))
        else:
            with self._stream() as stream:
                name = "standard input" if not self.can_resume else str(self.path)
                if self.is_json:
                    stream.seek(start.offset) if start.offset else None
                    yield from json_chunks(stream, name, start)
                else:
                    separator = "," if self.kind == "csv" else "\t"
                    yield from csv_chunks(stream, name, separator, start)

    @contextmanager
    def _stream(self) -> Iterator[BinaryIO]:
        if not self.can_resume:
            yield sys.stdin.buffer
            return
        if not self.path.stat().st_size:
            raise DataError(f"{self.path} is empty; expected rows")
        with self.path.open("rb") as file:
            yield file

    def _tables(self, start: Place) -> Iterator[Chunk]:
        done = 0
        for path in self.files:
            file = _parquet(path)
            n = file.metadata.num_rows
            if done + n <= start.offset:
                done += n
                continue
            try:
                for batch in file.iter_batches(AT_ONCE):
                    if done >= start.offset:
                        table = pa.Table.from_batches([batch])
                        yield Chunk(table, [], Place(done + len(batch)), path.name)
                    done += len(batch)
            except (pa.ArrowException, OSError) as error:
                raise DataError(f"{path} is damaged: {error}") from error


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error
