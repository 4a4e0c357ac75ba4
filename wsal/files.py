"""Tables that people bring: csv, tsv, parquet, json lines, xlsx. Text stays text."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from wsal.errors import DataError, did_you_mean

_csv = partial(pl.read_csv, infer_schema=False, encoding="utf8")
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": _csv,
    ".tsv": partial(_csv, separator="\t"),
    ".parquet": pl.read_parquet,
    ".jsonl": partial(pl.read_ndjson, infer_schema_length=None),
    ".ndjson": partial(pl.read_ndjson, infer_schema_length=None),
    ".xlsx": partial(pl.read_excel, infer_schema_length=0),
}


def read_table(path: Path) -> pl.DataFrame:
    """The table in a csv, tsv, parquet, jsonl or xlsx file; a column of text stays text.

    Raises:
        DataError: the file is missing, empty, of an unknown kind, broken, or not UTF-8.
    """
    kind = existing(path).suffix.lower()
    if kind not in READERS:
        raise DataError(
            f"{path}: a file of kind {kind!r} cannot be read{did_you_mean(kind, READERS)}"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; expected a table with at least one row")
    try:
        frame = READERS[kind](path)
    except Exception as error:  # each reader has error classes of its own
        if kind not in (".parquet", ".xlsx"):
            _require_utf8(path)
        raise DataError(f"{path} cannot be read as {kind[1:]}: {error}") from error
    if frame.is_empty():
        raise DataError(f"{path} has no rows, only columns {frame.columns}")
    return frame


def existing(path: Path) -> Path:
    """The path, if a file lies there.

    Raises:
        DataError: it does not; the message names the nearest file in the same folder.
    """
    if path.is_file():
        return path
    folder = path.parent
    if not folder.is_dir():
        raise DataError(f"file {path} not found: there is no folder {folder.absolute()}")
    beside = [p.name for p in folder.iterdir() if p.is_file()]
    raise DataError(
        f"file {path} not found in {folder.absolute()}{did_you_mean(path.name, beside)}"
    )


def _require_utf8(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path} is not UTF-8: line {number} has byte 0x{line[error.start]:02x} at "
                    f"position {error.start + 1}; convert it first, for example with "
                    f"`iconv -f latin1 -t utf-8 {path.name} > fixed{path.suffix}`"
                ) from error
