"""Records of a file that an annotation tool exported: JSON, JSON lines, csv, tsv, or a zip."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

from wsal.errors import AnnotationError
from wsal.files import numbered_table


def records(path: Path) -> Iterator[tuple[str, Any]]:
    """Each record of the file, after its place in words ("row 3").

    Raises:
        AnnotationError: the file cannot be read.
    """
    if path.suffix == ".zip":
        yield from _zip_records(path)
    elif path.suffix in (".csv", ".tsv"):
        table = numbered_table(path)
        for number, row in zip(table.rows, table.frame.iter_rows(named=True), strict=True):
            yield f"row {number}", row
    else:
        yield from _json_records(path)


def _zip_records(path: Path) -> Iterator[tuple[str, Any]]:
    """The records of each file in the archive: doccano writes one file per person."""
    try:
        with ZipFile(path) as archive, TemporaryDirectory() as folder:
            for number, name in enumerate(archive.namelist()):
                kind = Path(name).suffix.lower()
                if kind in (".json", ".jsonl", ".csv", ".tsv"):
                    member = Path(folder) / f"{number}{kind}"  # names in archives are not safe
                    member.write_bytes(archive.read(name))
                    if member.stat().st_size:
                        yield from ((f"{name}, {where}", one) for where, one in records(member))
    except (BadZipFile, OSError, RuntimeError) as error:
        raise AnnotationError(f"{path} cannot be read as zip: {error}") from error


def _json_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Each object of a list, or of the lines; the content shows which of the two it is."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path} cannot be read: {error}") from error
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        if path.suffix == ".json" and error.msg != "Extra data":
            raise AnnotationError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    else:
        objects = whole if isinstance(whole, list) else [whole]
        yield from ((f"record {number}", one) for number, one in enumerate(objects, start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines would cut at U+2028
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except json.JSONDecodeError as error:
                raise AnnotationError(f"{path}, line {number}: not JSON: {error.msg}") from error
