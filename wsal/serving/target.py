"""Where `wsal predict` may write, and in which format."""

from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from wsal.errors import ConfigError, DataError, did_you_mean
from wsal.files import TableOptions
from wsal.files.kinds import kind_of
from wsal.files.lines import Offset
from wsal.files.table import chunks
from wsal.serving.sources import STREAM, STREAMED, Source

TARGETS = ("csv", "tsv", "jsonl", "ndjson", "parquet", "xlsx")
FOLDER = "folder"
ADDED = ("label", "probability", "abstain", "model")
"""The columns that `wsal predict` adds, each with the same prefix."""


def target_kind(target: Path, source: Source) -> str:
    """What to write: the suffix of the target, `FOLDER`, or `STREAM`.

    Raises:
        ConfigError: no file of this kind can be written.
    """
    if str(target) == STREAM:
        if source.kind not in STREAMED:
            raise ConfigError(
                f"standard output cannot be {source.kind}; expected an input of kind "
                f"{', '.join(STREAMED)}, or the name of a file"
            )
        return STREAM
    kind = target.suffix.lower().removeprefix(".")
    if not kind or target.is_dir():
        return FOLDER
    if kind not in TARGETS:
        raise ConfigError(
            f"{target}: a file of kind {kind!r} cannot be written{did_you_mean(kind, TARGETS)}"
        )
    return kind


def refuse_target(path: Path, source: Path | None, *, force: bool) -> None:
    """Refuse to write where a file would be lost; `source` is the input, if it is a file.

    With `force`, a file that wsal did not write may be overwritten, but never the input.

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
            f"{path} exists and was not written by wsal predict; give the output another name, "
            "or overwrite it with --force"
        )


def is_labelled(path: Path) -> bool:
    """Whether a table has the columns that `wsal predict` adds."""
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
        except (OSError, ValueError) as error:  # Arrow's errors derive from either
            raise DataError(f"{path} is damaged: {error}") from error
    reader = chunks(path, kind, TableOptions(), Offset(), lambda _: None)
    with closing(reader):
        chunk = next(reader, None)
    if chunk is None:
        return []
    return list(chunk.objects[0]) if chunk.objects else list(chunk.table.column_names)
