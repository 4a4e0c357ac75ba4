"""The kind of table in a file, by the file's name and its first bytes."""

from typing import NamedTuple

from wsal.errors import DataError, did_you_mean
from wsal.files.places import P, Place

DELIMITED = {"csv": ",", "tsv": "\t", "tab": "\t", "txt": ","}
"""Suffixes of text with fields, and the delimiter of each if none can be detected."""
JSON = ("jsonl", "ndjson", "json")
KINDS = (*DELIMITED, *JSON, "parquet", "xlsx")
COMPRESSED = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00", "zst": b"\x28\xb5\x2f\xfd",
              "zip": b"PK\x03\x04"}  # fmt: skip
"""Suffixes of compressed files, and their first bytes."""
SAVE_AS_XLSX = ("xls", "xlsb", "xlsm", "ods", "numbers")


class Kind(NamedTuple):
    """The format of a table, and how the file is compressed."""

    name: str  # in KINDS
    compression: str  # in COMPRESSED, or ""


def existing_file(path: P) -> P:
    """The path, if it is a file.

    Raises:
        DataError: it is not; the message suggests the nearest name in the same folder.
    """
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file")
    folder = path.parent
    if not folder.is_dir():
        raise DataError(f"file {path} not found: there is no folder {folder.absolute()}")
    names = [p.name for p in folder.iterdir() if p.is_file()]
    raise DataError(f"file {path} not found in {folder.absolute()}{did_you_mean(path.name, names)}")


def kind_of(path: Place, kind: str | None = None) -> Kind:
    """The kind of table in a file: `kind` if given, otherwise by its suffix, as in `x.csv.gz`.

    Raises:
        DataError: the file is missing or empty, its kind is not known, or its contents are of
            another kind.
    """
    with existing_file(path).open("rb") as file:
        head = file.read(8)
    if not head:
        raise DataError(f"{path} is empty; expected a table with at least one row")
    parts = [part.lower() for part in path.name.split(".")[1:]]
    suffix = parts.pop() if parts else ""
    packed = next((name for name, magic in COMPRESSED.items() if head.startswith(magic)), "")
    if suffix in COMPRESSED:
        suffix = parts[-1] if parts else _member_suffix(path) if packed == "zip" else suffix
    kind = kind or suffix
    _require_known(path, kind)
    _require_matching(path, kind, head, packed)
    return Kind(kind, "" if kind == "xlsx" else packed)


def _require_known(path: Place, kind: str) -> None:
    if kind in SAVE_AS_XLSX:
        raise DataError(f"{path}: .{kind} cannot be read; save it as .xlsx (Excel Workbook)")
    if kind in COMPRESSED:
        raise DataError(
            f"{path}: the name does not tell what kind of table it contains; rename it, for "
            f"example to {path.name.split('.')[0]}.csv.{kind}"
        )
    if kind not in KINDS:
        raise DataError(
            f"{path}: a file of kind {kind!r} cannot be read{did_you_mean(kind, KINDS)}"
        )


def _require_matching(path: Place, kind: str, head: bytes, packed: str) -> None:
    """Raise if the first bytes are those of another kind."""
    if kind in ("parquet", "xlsx"):
        if packed and not (kind == "xlsx" and packed == "zip"):
            raise DataError(f"{path} is compressed ({packed}); unpack it first")
    elif head.startswith(b"PAR1"):
        raise DataError(f"{path} contains parquet, not {kind}; rename it to {path.stem}.parquet")
    elif head.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path} contains an old Excel workbook, not {kind}; save it as .xlsx")
    elif packed == "zip" and "xl/workbook.xml" in members(path):
        raise DataError(
            f"{path} contains an Excel workbook, not {kind}; rename it to {path.stem}.xlsx"
        )


def members(path: Place) -> list[str]:
    """The names of the files in a zip, without folders and the files that macOS adds.

    Raises:
        DataError: the zip is damaged.
    """
    import zipfile  # noqa: PLC0415  only this format needs it

    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as packed:
            names = packed.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    return [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX")]


def _member_suffix(path: Place) -> str:
    names = members(path)
    return names[0].rpartition(".")[2].lower() if len(names) == 1 and "." in names[0] else "zip"
