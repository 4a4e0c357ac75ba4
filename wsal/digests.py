"""Digests of files and of JSON values."""

import hashlib
import json
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
"""The file that describes an artifact's folder; not part of the folder's digest."""


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, or a digest of a folder's files and their names."""
    if path.is_dir():
        return digest_of([[str(p.relative_to(path)), file_digest(p)] for p in files_in(path)])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:  # noqa: ANN401  whatever JSON can hold
    """16 hexadecimal digits that identify a JSON value.

    >>> digest_of({"a": 1}) == digest_of({"a": 1}) != digest_of({"a": 2})
    True
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and below, sorted, without manifests."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
