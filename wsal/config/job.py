"""The Hydra job that is running: its overrides, its files, and the run folder."""

import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from wsal.config.composed import RunConfig, check
from wsal.config.errors import listed, misread
from wsal.digests import digest_of
from wsal.errors import ConfigError, WsalError
from wsal.presets import CONF_DIR


def from_hydra(config: DictConfig, swept: Collection[str] = ()) -> RunConfig:
    """The checked configuration of the Hydra job that is running; see `check`.

    `swept` are the keys that differ between the jobs of a sweep, as far as they are known.

    Raises:
        ConfigError: something in it is wrong.
    """
    typed = list(HydraConfig.get().overrides.task)
    if "rules={}" in typed:  # Hydra merges mappings, so an empty one changes nothing
        raise ConfigError("rules={} leaves the rules as they are; to have none, use rules=none")
    on_command_line = any(override.startswith("trusted=") for override in typed)
    trusted = listed(config.get("trusted")) if on_command_line else []
    if trusted and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # modules in this folder count, as with `python -m`
    problems: list[WsalError] = [error for path in _own_files() for error in misread(path)]
    if problems:
        raise ConfigError.of(problems)
    subfolder = _subfolder(typed, swept) if is_sweep() else ""
    return check(config, trusted=trusted, subfolder=subfolder)


def _own_files() -> list[Path]:
    """The files of the user's own configuration folders that this job uses."""
    runtime = HydraConfig.get().runtime
    folders = [Path(source.path) for source in runtime.config_sources if source.schema == "file"]
    paths = [
        folder / group / f"{choice}.yaml"
        for folder in folders
        if folder.resolve() != CONF_DIR.resolve()
        for group, choice in runtime.choices.items()
    ]
    return [path for path in paths if path.is_file()]


def is_sweep() -> bool:
    """Whether the Hydra job that is running is one of several (`--multirun`)."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def _subfolder(overrides: Sequence[str], swept: Collection[str]) -> str:
    """The folder of a job below the run folder, named by the overrides that tell jobs apart.

    If the run folder is named, these are the keys that differ between jobs; else all overrides. The
    override that names the run folder is no part of it.
    """
    keys = {override: override.lstrip("+").partition("=")[0] for override in overrides}
    folder_key = "run_dir" if "run_dir" in keys.values() else "name"
    if folder_key in keys.values():
        differing = swept or set(keys.values())
        keys = {o: key for o, key in keys.items() if key in differing and key != folder_key}
    return _folder_name(list(keys))


def _folder_name(overrides: Sequence[str]) -> str:
    name = re.sub(r"[^\w=.,+~-]", "_", re.sub(r"['\"]", "", ",".join(sorted(overrides))))
    return name if len(name) <= 80 else f"{name[:60]}-{digest_of(name)}"
