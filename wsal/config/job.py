"""The Hydra job that is running: its overrides, its files, and the folder of its run."""

import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from wsal.artifacts import digest_of
from wsal.config.composed import CONF_DIR, RunConfig, check, listed
from wsal.config.errors import misread
from wsal.errors import ConfigError, WsalError


def from_hydra(config: DictConfig, swept: Collection[str] = ()) -> RunConfig:
    """The checked configuration of the Hydra job that is running; see `check`.

    `swept` are the keys that differ between the jobs of a sweep, as far as they are known.
    """
    given = list(HydraConfig.get().overrides.task)
    if "rules={}" in given:  # Hydra merges mappings, and nothing merged in changes nothing
        raise ConfigError("rules={} leaves the rules as they are; for no rules: rules=none")
    named = any(one.startswith("trusted=") for one in given)
    trusted = listed(config.get("trusted")) if named else []
    if trusted and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a module beside the data, as with `python -m`
    odd: list[WsalError] = [fault for path in _own_files() for fault in misread(path)]
    if odd:
        raise ConfigError.of(odd)
    subfolder = _subfolder(given, swept) if is_sweep() else ""
    return check(config, trusted=trusted, subfolder=subfolder)


def _own_files() -> list[Path]:
    """The files that were chosen from the user's own configuration folders."""
    runtime = HydraConfig.get().runtime
    sources = (Path(one.path) for one in runtime.config_sources if one.schema == "file")
    chosen = [
        source / group / f"{choice}.yaml"
        for source in sources
        if source.resolve() != CONF_DIR.resolve()
        for group, choice in runtime.choices.items()
    ]
    return [path for path in chosen if path.is_file()]


def is_sweep() -> bool:
    """Whether the Hydra job that is running is one of several (`--multirun`)."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def _subfolder(overrides: Sequence[str], swept: Collection[str]) -> str:
    """What keeps the runs of a sweep apart, below the run folder.

    Where the sweep goes over the run folder itself, nothing need; where the folder is named, what
    the sweep goes over; else all that was given.
    """
    keys = {one: one.lstrip("+").partition("=")[0] for one in overrides}
    own = "run_dir" if "run_dir" in keys.values() else "name"
    if own in swept:
        keys = {one: key for one, key in keys.items() if key in swept and key != own}
    elif own in keys.values():
        keys = {one: key for one, key in keys.items() if key in (swept or keys.values())}
        keys = {one: key for one, key in keys.items() if key != own}
    return _folder_name(list(keys))


def _folder_name(overrides: Sequence[str]) -> str:
    name = re.sub(r"[^\w=.,+~-]", "_", re.sub(r"['\"]", "", ",".join(sorted(overrides))))
    return name if len(name) <= 80 else f"{name[:60]}-{digest_of(name)}"
