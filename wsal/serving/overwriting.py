"""What may be written over: nothing but what an earlier command wrote."""

from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from wsal.errors import ConfigError, DataError
from wsal.files import TableOptions
from wsal.files.kinds import kind_of
from wsal.files.lines import Offset
from wsal.files.table import chunks

ADDED = ("label", "probability", "abstain", "model")
"""The columns that labelling adds, each with the same prefix."""


def refuse_place(path: Path, source: Path | None, *, force: bool) -> None:
    """Refuse to write where a file would be lost; `source` is the input, if it is a file.

    With `force`, a file that wsal did not write may be written over, but never the input.

    Raises:
        ConfigError: the path is the input, a folder with files, in no folder, or a file that
            wsal did not write.
    """
    if source is not None and path.exists() and path.samefile(source):
        raise ConfigError(f"{path} is the input; give the output another name")
    if path.is_dir() and any(path.iterdir()):
        raise ConfigError(f"folder {path} is not empty; give the output another name")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.absolute().parent} to write {path.name} in")
    if not force and path.is_file() and path.stat().st_size and not is_labelled(path):
        raise ConfigError(
            f"{path} is there, and was not written by wsal predict; give the output another name, "
            "or write over it with --force"
        )


def is_labelled(path: Path) -> bool:
    """Whether a table has the columns that labelling adds."""
    try:
        names = set(_columns(path))
    except DataError:
        return False
    prefixes = [name.removesuffix(ADDED[0]) for name in names if name.endswith(ADDED[0])]
    return any(names.issuperset(prefix + added for added in ADDED) for prefix in prefixes)


def _columns(path: Path) -> list[str]:
    kind = kind_of(path)
    if kind.name == "parquet":
        try:
            return list(pq.read_schema(path).names)
        except (OSError, ValueError) as error:  # Arrow's errors are of either
            raise DataError(f"{path} is damaged: {error}") from error
    found = chunks(path, kind, TableOptions(), Offset(), lambda _: None)
    with closing(found):
        chunk = next(found, None)
    if chunk is None:
        return []
    return list(chunk.objects[0]) if chunk.objects else list(chunk.table.column_names)
