"""Labelled records into a csv, tsv, jsonl, parquet or xlsx file, a folder, or a stream."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from wsal.errors import DataError

Write = Callable[[pa.Table, str], None]
"""Takes a chunk and the name of the file it is from."""
MOST_ROWS, MOST_CHARACTERS = 1_048_575, 32_767  # of a sheet, of a cell


@contextmanager
def writer(kind: str, target: Path | BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    """A function that appends chunks of this schema; the file is whole when the block ends.

    `kind` is csv, tsv, jsonl, parquet, xlsx, or folder (of Parquet).

    Raises:
        DataError: a sheet or a cell would be longer than Excel takes.
    """
    with ExitStack() as stack:
        if kind == "parquet":
            whole = stack.enter_context(pq.ParquetWriter(target, schema, compression="zstd"))
            yield lambda table, _: whole.write_table(table)
        elif kind == "folder":
            yield _folder(Path(target), schema, stack)  # type: ignore[arg-type]
        elif kind == "xlsx":
            yield _sheet(target, schema, stack)
        else:
            file = (
                target if not isinstance(target, Path) else stack.enter_context(target.open("wb"))
            )
            yield _text(kind, file)


def _text(kind: str, file: BinaryIO) -> Write:
    begun: list[bool] = []

    def write(table: pa.Table, _: str) -> None:
        frame = pl.DataFrame(pl.from_arrow(table))
        if kind in ("jsonl", "ndjson"):
            frame.write_ndjson(file)
        else:
            separator = "," if kind == "csv" else "\t"
            flat(frame).write_csv(file, separator=separator, include_header=not begun)
        begun.append(True)

    return write


def _folder(target: Path, schema: pa.Schema, stack: ExitStack) -> Write:
    target.mkdir()
    parts: dict[str, pq.ParquetWriter] = {}

    def write(table: pa.Table, name: str) -> None:
        name = name or "part-00000.parquet"
        name = name if name.endswith(".parquet") else f"{name}.parquet"
        if name not in parts:
            parts[name] = stack.enter_context(
                pq.ParquetWriter(target / name, schema, compression="zstd")
            )
        parts[name].write_table(table)

    return write


def _sheet(target: Any, schema: pa.Schema, stack: ExitStack) -> Write:  # noqa: ANN401
    book = xlsxwriter.Workbook(
        target,
        {
            "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False, "nan_inf_to_errors": True,
        },
    )  # fmt: skip
    stack.callback(book.close)
    sheet = book.add_worksheet("labels")
    sheet.write_row(0, 0, schema.names)
    done = [0]

    def write(table: pa.Table, _: str) -> None:
        if done[0] + len(table) > MOST_ROWS:
            raise DataError(f"Excel takes {MOST_ROWS:,} rows; write csv or parquet instead")
        for row in flat(pl.DataFrame(pl.from_arrow(table))).iter_rows():
            done[0] += 1
            for column, value in enumerate(row):
                if isinstance(value, str) and len(value) > MOST_CHARACTERS:
                    raise DataError(
                        f"row {done[0]} has a value of {len(value):,} characters, of which Excel "
                        f"takes {MOST_CHARACTERS:,}; write csv or parquet instead"
                    )
                if isinstance(value, str):
                    sheet.write_string(done[0], column, value)
                elif value is not None:
                    sheet.write(done[0], column, value)

    return write


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and structures as the text of their json.

    >>> flat(pl.DataFrame({"a": [[1, 2]]})).item()
    '[1, 2]'
    """
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    return frame.with_columns(
        pl.Series(name, [_json(one) for one in frame[name].to_list()], dtype=pl.String)
        for name in nested
    )


def _json(value: Any) -> str | None:  # noqa: ANN401  what a column holds
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def column_kinds(kinds: dict[str, set[str]], records: pa.ChunkedArray) -> None:
    """Note which kinds of values the json records have under each name."""
    for text in records.to_pylist():
        for name, value in json.loads(text).items():
            big = isinstance(value, int) and not -(2**63) <= value < 2**63
            kinds.setdefault(name, set()).add("big" if big else type(value).__name__)


def json_schema(kinds: Mapping[str, set[str]]) -> pa.Schema:
    """One type for each name: that of all its values, or text (json) where they differ."""
    types = {"str": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}

    def of(found: set[str]) -> pa.DataType:
        found = found - {"NoneType"}
        if found == {"int", "float"}:
            return pa.float64()
        return types.get(next(iter(found)), pa.string()) if len(found) == 1 else pa.string()

    return pa.schema([(name, of(found)) for name, found in kinds.items()])


def from_json(records: pa.ChunkedArray, schema: pa.Schema) -> list[pa.Array]:
    """A column for each name of the schema; missing is null."""
    rows = [json.loads(text) for text in records.to_pylist()]
    return [
        pa.array([_typed(row.get(one.name), one.type) for row in rows], one.type) for one in schema
    ]


def _typed(value: Any, kind: pa.DataType) -> Any:  # noqa: ANN401  what json holds
    if value is None or isinstance(value, str):
        return value
    if pa.types.is_string(kind):
        return json.dumps(value, ensure_ascii=False)
    return float(value) if pa.types.is_floating(kind) else value
