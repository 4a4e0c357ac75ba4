"""The folder of an export: an earlier export is replaced as a whole, nothing else is touched."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsal.errors import ConfigError


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its place if nothing was raised.

    So no file of an earlier export stays beside the new weights, and an export that fails leaves
    the earlier one as it was.

    Raises:
        ConfigError: `folder` holds files that are not an export of wsal.
    """
    if folder.exists() and not _may_be_replaced(folder):
        raise ConfigError(
            f"{folder} holds files that are not an export of wsal; expected an empty folder, a new "
            "one, or an earlier export"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        yield new
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)


def _may_be_replaced(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    if not any(folder.iterdir()):
        return True
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "wsal" in config
