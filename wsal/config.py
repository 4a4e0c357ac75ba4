"""From Hydra's composed configuration to checked parts. With cli.py all that knows of Hydra."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wsal.active.annotators import Annotator
from wsal.active.strategies import QueryStrategy
from wsal.artifacts import digest_of
from wsal.building import TRUSTED, build, construct, with_components
from wsal.classifier.losses import Loss
from wsal.data.base import DataSource
from wsal.errors import ConfigError, UnknownNameError, did_you_mean
from wsal.export.exporters import ExportSettings
from wsal.label_models.base import LabelModel
from wsal.parts import Parts
from wsal.rules.base import Rule
from wsal.settings import (
    ActiveSettings,
    AdaptSettings,
    AggregateSettings,
    AmplifySettings,
    EncoderSettings,
    EvaluationSettings,
    FinetuneSettings,
    HardwareSettings,
    PretrainSettings,
    SelfTrainingSettings,
    StopSettings,
    TrackerSettings,
)

HERE = Path(__file__).parent
CONF_DIR = HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf"  # wheel, checkout

SETTINGS = {
    "encoder": EncoderSettings,
    "hardware": HardwareSettings,
    "adapt": AdaptSettings,
    "self_training": SelfTrainingSettings,
    "tracker": TrackerSettings,
    "aggregate": AggregateSettings,
    "pretrain": PretrainSettings,
    "finetune": FinetuneSettings,
    "amplify": AmplifySettings,
    "active": ActiveSettings,
    "evaluation": EvaluationSettings,
    "stop": StopSettings,
    "export": ExportSettings,
}
COMPONENTS: dict[str, type] = {
    "data": DataSource,
    "rules": Rule,
    "label_model": LabelModel,
    "loss": Loss,
    "strategy": QueryStrategy,
    "annotator": Annotator,
}
PLAIN = {
    "name": str, "seed": int, "run_dir": str, "device": str, "launcher": str, "processes": int,
    "trusted": list,
}  # fmt: skip
LAUNCHERS = ("none", "torchrun")


@dataclass(frozen=True)
class RunConfig:
    """A whole run's configuration: where it goes, and the parts its stages are handed."""

    run_dir: Path
    parts: Parts
    nodes: dict[str, Any]


def from_hydra(config: DictConfig) -> RunConfig:
    """The checked configuration of the Hydra job that is running; see `check`."""
    given = list(HydraConfig.get().overrides.task)
    if "rules={}" in given:  # Hydra merges mappings, and nothing merged in changes nothing
        raise ConfigError("rules={} leaves the rules as they are; for no rules: rules=none")
    named = any(one.startswith(("name=", "run_dir=")) for one in given)
    sweeps = is_sweep() and not named
    trusted = list(config.trusted) if any(o.startswith("trusted=") for o in given) else []
    if trusted and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a module beside the data, as with `python -m`
    return check(config, trusted=trusted, subfolder=_folder_name(given) if sweeps else "")


def is_sweep() -> bool:
    """Whether the Hydra job that is running is one of several (`--multirun`)."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def check(config: DictConfig, *, trusted: Sequence[str] = (), subfolder: str = "") -> RunConfig:
    """The configuration as objects; dies here, before any work, if anything in it is wrong.

    Args:
        config: what Hydra composed.
        trusted: modules beyond wsal's whose objects may be built; from the command line only.
        subfolder: appended to the run folder, so that the jobs of a sweep stay apart.

    Raises:
        ConfigError: a value is missing, of the wrong type, or out of range; or a component is
            not of the kind its group wants. UnknownNameError: a key is unknown.
    """
    nodes = plain(config)
    nodes.setdefault("rules", {})  # taken out by ~rules
    _check_plain(nodes, trusted)
    built: dict[str, Any] = {"seed": nodes["seed"]}
    for key, settings in SETTINGS.items():
        node = with_components(nodes[key], key, (*TRUSTED, *trusted))
        built[key] = construct(settings, node, key)
    for key in COMPONENTS:
        built[key] = _component(nodes[key], key, trusted)
    run_dir = Path(nodes["run_dir"], subfolder)
    return RunConfig(run_dir, Parts(built, {key: nodes[key] for key in built}), nodes)


def rules_in(path: Path, trusted: Sequence[str] = ()) -> tuple[dict[str, Rule], dict[str, Any]]:
    """The rules of one file, as objects and as plain values.

    Raises:
        ConfigError: the file is no YAML of rules. UnknownNameError: a key is unknown.
    """
    try:
        config = OmegaConf.load(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(config, DictConfig) or "defaults" in config:
        found = "a `defaults` list" if isinstance(config, DictConfig) else "a list"
        raise ConfigError(f"{path} holds {found}; expected rules by their names")
    nodes = plain(config)
    return _component(nodes, "rules", trusted), nodes


def _component(node: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    built = build(node, key, (*TRUSTED, *trusted))
    kind = COMPONENTS[key]
    for name, part in built.items() if key == "rules" else [(key, built)]:
        if not isinstance(part, kind):
            raise ConfigError(f"{key}: {name} is a {type(part).__name__}, no {kind.__name__}")
    return built


def _check_plain(nodes: dict[str, Any], trusted: Sequence[str]) -> None:
    known = SETTINGS.keys() | COMPONENTS.keys() | PLAIN.keys()
    for key in nodes:
        if key not in known:
            raise UnknownNameError("key", key, known)
    for key, kind in PLAIN.items():
        if not isinstance(nodes[key], kind) or isinstance(nodes[key], bool):
            raise ConfigError(f"{key} is {nodes[key]!r}; expected {kind.__name__}")
    if nodes["seed"] < 0:
        raise ConfigError(f"seed is {nodes['seed']}; expected a whole number from 0 up")
    if nodes["launcher"] not in LAUNCHERS:
        raise UnknownNameError("launcher", nodes["launcher"], LAUNCHERS)
    if nodes["processes"] < 1 or (nodes["processes"] > 1 and nodes["launcher"] == "none"):
        raise ConfigError(
            f"processes is {nodes['processes']} with launcher={nodes['launcher']}; expected 1, or "
            "more with launcher=torchrun"
        )
    if list(trusted) != nodes["trusted"]:
        raise ConfigError(
            f"trusted is {nodes['trusted']} in a configuration file; what code may be run is said "
            "on the command line only: trusted=[my_module]"
        )


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as ordinary dicts and lists, every interpolation resolved."""
    try:
        nodes: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        hint = f"give it, for example {key}=..." if key else str(error).splitlines()[0]
        raise ConfigError(f"{key or 'a key'} has no value: {hint}") from error
    return nodes


def explain(error: BaseException) -> str:
    """Hydra's complaint about the command line in one line, with the nearest key that exists."""
    message = str(error)
    if cause := error.__cause__:
        message += f" {cause}"
    if option := re.search(r"Could not find '(\w+)/([\w/]+)'", message):
        known = [path.stem for path in (CONF_DIR / option[1]).glob("*.yaml")]
        return f"unknown option {option[1]}={option[2]}{did_you_mean(option[2], known)}"
    found = re.search(r"Key '(\w+)' is not in struct\s+full_key: ([\w.]+)", message)
    if not found:
        lines = [line for line in message.splitlines() if line.strip()]
        return " ".join(lines)
    *parents, name = found[2].split(".")
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        whole = compose("config")
    siblings = OmegaConf.select(whole, ".".join(parents)) if parents else whole
    keys = [str(k) for k in siblings] if OmegaConf.is_dict(siblings) else []
    return f"unknown key {found[2]!r}{did_you_mean(name, keys)}"


def _folder_name(overrides: Sequence[str]) -> str:
    name = re.sub(r"[^\w=.,+~-]", "_", ",".join(sorted(overrides)))
    return name if len(name) <= 80 else f"{name[:60]}-{digest_of(name)}"
