"""Records from a table in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from wsal.artifacts import file_digest
from wsal.data.base import Layout
from wsal.files import existing, read_table


@dataclass(frozen=True)
class TableFile:
    """A table in one file (csv, tsv, parquet, jsonl, xlsx, told by the suffix); text is UTF-8."""

    path: Path
    layout: Layout

    def read(self) -> pl.DataFrame:
        """The rows of the file.

        Raises:
            DataError: the file is missing, empty, of an unknown kind, broken, or not UTF-8.
        """
        return read_table(self.path)

    def content(self) -> Mapping[str, str]:
        """The digest of the file's bytes."""
        return {"file": file_digest(existing(self.path))}
