"""Rows from a table in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wsal.data.base import ROW, Layout
from wsal.digests import file_digest
from wsal.errors import DataError, did_you_mean
from wsal.files import TableOptions, existing_file, numbered_table
from wsal.files.options import Delimiter, Encoding, Row, Sheet


@dataclass(frozen=True)
class TableFile:
    """A table in a file, or in a folder of files of the same kind, which the suffix tells.

    The kinds are csv, tsv, txt, jsonl, json, parquet and xlsx; text may be compressed. The last
    four fields are detected if they are None; see `wsal.files.TableOptions`.
    """

    path: Path
    """A file, possibly compressed (`x.csv.gz`), or a folder of files."""
    layout: Layout
    """What the columns mean."""
    delimiter: Delimiter | None = None
    """In csv, tsv and txt: comma, semicolon, tab, bar, or a character; null: detected."""
    encoding: Encoding | None = None
    """Of text files: utf-8, utf-16, cp1252, ...; null: detected."""
    sheet: Sheet | None = None
    """Name of a sheet in a workbook; null: the first."""
    header_row: Row | None = None
    """Line or row with the names of the columns, from 1; null: the first that is not empty."""

    def read(self) -> pl.DataFrame:
        """The rows of the file, and in the column `ROW` the line or row of each.

        Raises:
            DataError: the file is missing, empty, damaged or of an unknown kind, lines cannot be
                parsed, or a column of the layout is missing.
        """
        options = TableOptions(self.delimiter, self.encoding, self.sheet, self.header_row)
        frame, rows, advice = numbered_table(self.path, options)
        for name in self.layout.columns:
            if name not in frame.columns:
                raise DataError(
                    f"{self.path} has no column {name!r}{did_you_mean(name, frame.columns)}"
                    + (advice and f" ({advice})")
                )
        return frame.with_columns(pl.Series(ROW, rows, dtype=pl.Int64))

    def content(self) -> Mapping[str, str]:
        """The digest of the file, or of all files in the folder."""
        path = self.path if self.path.is_dir() else existing_file(self.path)
        return {"file": file_digest(path)}
