"""JSON files that are written whole or not at all, and read with clear errors."""

import json
import os
from pathlib import Path
from typing import Any

from wsal.errors import ConfigError, MissingArtifactError, WsalError


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Write `value` atomically: a kill or a power cut leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2, default=str) + "\n")
    fsync(temporary)
    temporary.replace(path)
    fsync(path.parent)


def read_json_object(
    path: Path, advice: str, error: type[WsalError] = ConfigError
) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: the file.
        advice: what to do if the file is damaged; the end of the message.
        error: the class of the error if it is damaged.

    Raises:
        MissingArtifactError: there is no such file.
        WsalError: of the class `error`: the file is not UTF-8, not JSON, or not an object.
    """
    value: Any = None
    problem = ""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as missing:
        raise MissingArtifactError(f"{path} not found") from missing
    except (ValueError, RecursionError) as failure:
        problem = f"it is not JSON ({failure})"
    if not problem and not isinstance(value, dict):
        problem = f"it holds a {type(value).__name__}, expected an object"
    if problem:
        raise error(f"{path} is damaged: {problem}; {advice}")
    return dict(value)


def fsync(path: Path) -> None:
    """Wait until a file's contents, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
