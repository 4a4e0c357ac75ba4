"""Labelled records into a csv, tsv, jsonl, parquet or xlsx file, or a stream."""

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

Write = Callable[[pa.Table], None]
"""Takes a chunk."""
SHEET_ROWS = 1_048_575  # limits of Excel
CELL_CHARACTERS = 32_767


@contextmanager
def writer(kind: str, target: Path | BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    """A function that appends chunks of this schema; the file is complete when the block ends.

    `kind` is csv, tsv, jsonl, parquet or xlsx.

    Raises:
        DataError: a sheet or a cell would exceed the limits of Excel.
    """
    with ExitStack() as stack:
        if kind == "parquet":
            parquet = stack.enter_context(pq.ParquetWriter(target, schema, compression="zstd"))
            yield parquet.write_table
        elif kind == "xlsx":
            yield _sheet(target, schema, stack)
        elif isinstance(target, Path):
            yield _text(kind, stack.enter_context(target.open("wb")))
        else:
            yield _text(kind, target)


def _text(kind: str, file: BinaryIO) -> Write:
    has_header = False

    def write(table: pa.Table) -> None:
        nonlocal has_header
        frame = pl.DataFrame(pl.from_arrow(table))
        if kind in ("jsonl", "ndjson"):
            frame.write_ndjson(file)
        else:
            separator = "," if kind == "csv" else "\t"
            flat(frame).write_csv(file, separator=separator, include_header=not has_header)
        has_header = True

    return write


def _sheet(target: Any, schema: pa.Schema, stack: ExitStack) -> Write:  # noqa: ANN401
    book = xlsxwriter.Workbook(
        target,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
        },
    )
    stack.callback(book.close)
    sheet = book.add_worksheet("labels")
    sheet.write_row(0, 0, schema.names)
    n_rows = 0

    def write(table: pa.Table) -> None:
        nonlocal n_rows
        if n_rows + len(table) > SHEET_ROWS:
            raise DataError(
                f"a sheet of Excel has at most {SHEET_ROWS:,} rows; write csv or parquet instead"
            )
        for row in flat(pl.DataFrame(pl.from_arrow(table))).iter_rows():
            n_rows += 1
            for column, value in enumerate(row):
                if isinstance(value, str) and len(value) > CELL_CHARACTERS:
                    raise DataError(
                        f"row {n_rows} has a value of {len(value):,} characters; a cell of Excel "
                        f"has at most {CELL_CHARACTERS:,}; write csv or parquet instead"
                    )
                if isinstance(value, str):
                    sheet.write_string(n_rows, column, value)
                elif value is not None:
                    sheet.write(n_rows, column, value)

    return write


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and structures as JSON text.

    >>> flat(pl.DataFrame({"a": [[1, 2]]})).item()
    '[1, 2]'
    """
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    return frame.with_columns(
        pl.Series(name, [_json(value) for value in frame[name].to_list()], dtype=pl.String)
        for name in nested
    )


def _json(value: Any) -> str | None:  # noqa: ANN401  what a column holds
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def column_kinds(kinds: dict[str, set[str]], records: pa.ChunkedArray) -> None:
    """Note the types of values that JSON records have under each name."""
    for text in records.to_pylist():
        for name, value in json.loads(text).items():
            is_big = isinstance(value, int) and not -(2**63) <= value < 2**63
            kinds.setdefault(name, set()).add("big" if is_big else type(value).__name__)


def json_schema(kinds: Mapping[str, set[str]]) -> pa.Schema:
    """A type for each name: that of all its values, or text (JSON) if they differ."""
    types = {"str": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}

    def type_of(names: set[str]) -> pa.DataType:
        names = names - {"NoneType"}
        if names == {"int", "float"}:
            return pa.float64()
        return types.get(next(iter(names)), pa.string()) if len(names) == 1 else pa.string()

    return pa.schema([(name, type_of(names)) for name, names in kinds.items()])


def from_json(records: pa.ChunkedArray, schema: pa.Schema) -> list[pa.Array]:
    """A column for each name of the schema; missing values are null."""
    rows = [json.loads(text) for text in records.to_pylist()]
    return [
        pa.array([_typed(row.get(field.name), field.type) for row in rows], field.type)
        for field in schema
    ]


def _typed(value: Any, kind: pa.DataType) -> Any:  # noqa: ANN401  what JSON holds
    if value is None or isinstance(value, str):
        return value
    if pa.types.is_string(kind):
        return json.dumps(value, ensure_ascii=False)
    return float(value) if pa.types.is_floating(kind) else value
