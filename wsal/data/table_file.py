"""Rows from a table in a file."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl

from wsal.data.base import ROW, Layout, SourcePart
from wsal.data.records import as_texts
from wsal.files import TableOptions, existing_file
from wsal.files.options import Delimiter, Encoding, Row, Sheet
from wsal.files.parts import table_parts
from wsal.files.places import place_digest, place_of


@dataclass(frozen=True)
class TableFile:
    """A table in a file, or in a folder of files of the same kind, which the suffix tells.

    The kinds are csv, tsv, txt, jsonl, json, parquet and xlsx; text may be compressed. The fields
    from `delimiter` to `header_row` are detected if they are None; see `wsal.files.TableOptions`.
    A table may be larger than memory, unless it is xlsx or a JSON array.
    """

    ADDED: ClassVar = {"bad_records": "fail"}

    path: Path | str
    """A file, possibly compressed (`x.csv.gz`), or a folder of files; or the address of one, such
    as `s3://bucket/folder`, `gs://`, `az://` or `hf://datasets/org/name`."""
    layout: Layout
    """What the columns mean."""
    delimiter: Delimiter | None = None
    """In csv, tsv and txt: comma, semicolon, tab, bar, or a character; null: detected."""
    encoding: Encoding | None = None
    """Of text files: utf-8, utf-16, cp1252, ...; null: detected, for which a file is read once
    more."""
    sheet: Sheet | None = None
    """Name of a sheet in a workbook; null: the first."""
    header_row: Row | None = None
    """Line or row with the names of the columns, from 1; null: the first that is not empty."""
    bad_records: Literal["fail", "aside"] = "fail"
    """What happens to records that cannot be parsed. fail: an error lists them. aside: they are
    written to `bad_records.jsonl` in the artifact `pool`, and the others are used."""

    def read(self) -> pl.DataFrame:
        """The rows of the file as text, and in the column `ROW` the line or row of each.

        Raises:
            DataError: the file is missing, empty, damaged or of an unknown kind, lines cannot be
                parsed, or a column of the layout is missing.
        """
        return pl.concat([as_texts(part.rows, self.layout) for part in self.parts()])

    def parts(self) -> Iterator[SourcePart]:
        """The rows of `read`, some at a time, and the records that cannot be parsed.

        Raises:
            DataError: as for `read`.
        """
        place = place_of(self.path)
        is_folder = place.is_dir()
        options = TableOptions(self.delimiter, self.encoding, self.sheet, self.header_row)
        parts = table_parts(
            place, self.layout.columns, options, bad_aside=self.bad_records == "aside"
        )
        for part in parts:
            rows = part.frame.with_columns(pl.Series(ROW, part.rows, dtype=pl.Int64))
            bad = [{"file": part.file.name, **asdict(line)} for line in part.bad]
            yield SourcePart(rows, part.file.name if is_folder else "", bad)

    def content(self) -> Mapping[str, str]:
        """The digest of the file, or of all files in the folder; see `place_digest`."""
        place = place_of(self.path)
        return {"file": place_digest(place if place.is_dir() else existing_file(place))}
