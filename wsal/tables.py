"""The only code that reads and writes the tables in artifacts.

Functions that read a table take the path of a dataset, which may have several files; see
`wsal.shards`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from wsal.arrays import Probs, Rows, Vote
from wsal.errors import TableError
from wsal.schemas import Schema
from wsal.shards import shard_files

ROWS_AT_ONCE = 100_000  # rows held in memory


def write(frame: pl.DataFrame, path: Path, schema: Schema) -> None:
    """Write the columns of `schema`, in its order and with its types.

    Raises:
        TableError: a column is missing.
    """
    if missing := schema.keys() - set(frame.columns):
        raise TableError(f"{path.name} lacks columns {sorted(missing)}; found {frame.columns}")
    frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).write_parquet(path)


def write_parts(parts: Iterable[Sequence[pl.DataFrame]], schemas: Mapping[Path, Schema]) -> None:
    """Write the tables at these paths from many parts, with only one part of each in memory."""
    with ExitStack() as stack:
        empty = {path: _to_arrow(pl.DataFrame(schema=s)).schema for path, s in schemas.items()}
        files = [pq.ParquetWriter(path, s, compression="zstd") for path, s in empty.items()]
        for file in files:
            stack.enter_context(file)
        for part in parts:
            for frame, file, schema in zip(part, files, schemas.values(), strict=True):
                cast = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
                file.write_table(_to_arrow(cast))


def _to_arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def scan(path: Path) -> pl.LazyFrame:
    """The table at `path`, of which only what is asked for is read."""
    return pl.scan_parquet(shard_files(path))


def column(path: Path, name: str) -> pl.Series:
    """One column of the table at `path`."""
    return pl.read_parquet(shard_files(path), columns=[name])[name]


def read(path: Path, schema: Schema | None = None) -> pl.DataFrame:
    """The table at `path`.

    Raises:
        TableError: the file is not a Parquet table, or its columns are not those of `schema`.
    """
    try:
        frame = pl.read_parquet(shard_files(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(f"{path} cannot be read as Parquet: {error}") from error
    if schema is not None and dict(frame.schema) != {k: _instance(v) for k, v in schema.items()}:
        raise TableError(f"{path}: found {dict(frame.schema)}, expected {schema}; rerun its stage")
    return frame


def chunks(
    path: Path, columns: Sequence[str], at_once: int = ROWS_AT_ONCE
) -> Iterator[pl.DataFrame]:
    """These columns of the table at `path`, in frames of `at_once` rows; a file may end earlier."""
    for file in shard_files(path):
        with pq.ParquetFile(file) as opened:
            for part in opened.iter_batches(at_once, columns=columns):
                yield pl.DataFrame(part)


def take(path: Path, rows: Rows, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """These rows of the table at `path`, in this order; the table is read in parts.

    Args:
        path: of the table.
        rows: row numbers, in any order.
        columns: the only ones to read; None: all.
    """
    if columns is not None and not columns:  # as of votes without rules: a table without rows
        return pl.DataFrame()
    order = np.argsort(rows, kind="stable")
    ascending = np.asarray(rows)[order]
    empty = pq.read_schema(shard_files(path)[0]).empty_table()
    taken = [empty if columns is None else empty.select(columns)]
    for first, part in _parts(path, columns, ascending):
        start, end = np.searchsorted(ascending, [first, first + len(part)])
        taken.append(pa.Table.from_batches([part]).take(ascending[start:end] - first))
    frame = pl.DataFrame(pa.concat_tables(taken))
    return frame[np.argsort(order, kind="stable")]


def take_part(path: Path, rows: range | Rows, columns: Sequence[str]) -> pl.DataFrame:
    """These columns of some rows, ascending; if they are a range, no other rows are decoded."""
    if isinstance(rows, range):
        wanted = scan(path).select(columns).slice(rows.start, len(rows))
        return wanted.collect() if len(columns) else pl.DataFrame()
    return take(path, rows, columns)


def _parts(
    path: Path,
    columns: Sequence[str] | None = None,
    wanted: Rows | None = None,
    at_once: int = ROWS_AT_ONCE,
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The table at `path` in parts of at most `at_once` rows, each with the number of its first.

    Row groups without a row of `wanted`, ascending, are not read.
    """
    first = 0
    for path_of_shard in shard_files(path):
        with pq.ParquetFile(path_of_shard) as file:
            for group in range(file.num_row_groups):
                end = first + file.metadata.row_group(group).num_rows
                if wanted is None or np.diff(np.searchsorted(wanted, [first, end])).item():
                    for part in file.iter_batches(at_once, row_groups=[group], columns=columns):
                        yield first, part
                        first += len(part)
                first = end


def parts(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pl.DataFrame]]:
    """The table at `path`, or some columns of it, in parts, each with the number of its first row.

    For what would not fit into memory as a whole.
    """
    for first, part in _parts(path, columns):
        yield first, pl.DataFrame(part)


def texts(path: Path, at_once: int = 50_000) -> Iterator[list[str]]:
    """The texts of a records table, in lists of at most `at_once`."""
    for _, part in _parts(path, ["text"], at_once=at_once):
        yield part.column(0).to_pylist()


def write_probs(path: Path, rows: Rows, out: Path) -> Probs:
    """The distributions in these rows (ascending) of a weak-labels table, `(rows, classes)`.

    They are written to the file `out` and returned as a memory map, so that their number is not
    limited by memory.
    """
    dtype: Any = pl.read_parquet_schema(shard_files(path)[0])["probs"]
    shape = (len(rows), dtype.shape[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    result = np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=shape)
    for first, part in _parts(path, ["probs"], rows):
        start, end = np.searchsorted(rows, [first, first + len(part)])
        probs = part.column(0).flatten().to_numpy().reshape(-1, shape[1])
        result[start:end] = probs[rows[start:end] - first]
    return result


def rule_names(path: Path) -> list[str]:
    """The rules of a votes table, in the order of its columns."""
    return [name for name in pl.read_parquet_schema(shard_files(path)[0]) if name != "id"]


def n_rows(path: Path) -> int:
    """How many rows the table at `path` has."""
    return sum(rows_of_shards(path))


def rows_of_shards(path: Path) -> list[int]:
    """How many rows each file of the table at `path` has."""
    return [int(pq.read_metadata(file).num_rows) for file in shard_files(path)]


def vote_columns(path: Path, first: int = 0, n: int | None = None) -> Iterator[Vote]:
    """The votes of each rule of a votes table `(texts,)`, one rule at a time.

    Only those on the `n` texts from row `first`, if these are given.
    """
    for name in rule_names(path):
        votes = scan(path).select(name).slice(first, n).collect()[name]
        yield votes.to_numpy().astype(np.int16, copy=False)


def probs_array(frame: pl.DataFrame) -> Probs:
    """The matrix `(texts, classes)` of a weak-labels table."""
    probs: Probs = frame["probs"].to_numpy().astype(np.float32)
    return probs


def _instance(kind: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return kind() if isinstance(kind, type) else kind
