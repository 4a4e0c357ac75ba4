"""From Hydra's composed configuration to checked parts."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from wsal.active.strategies import QueryStrategy
from wsal.annotation.annotators import Annotator
from wsal.building import TRUSTED, all_of, build, coerced, construct, with_components
from wsal.classifier.losses import Loss
from wsal.coercion import by_names
from wsal.components import Components
from wsal.config.errors import misread, plain, yaml_fault
from wsal.data.base import DataSource
from wsal.errors import ConfigError, UnknownNameError, WsalError
from wsal.export.base import ExportSettings
from wsal.label_models.base import LabelModel
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

PACKAGE = Path(__file__).parents[1]
# conf/ lies inside an installed wheel, and beside the package in a checkout
CONF_DIR = (
    PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
)  # wheel, checkout

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
TEXT_KEYS = ("name", "run_dir", "device", "launcher")
WHOLE_KEYS = ("seed", "processes")
PLAIN_KEYS = (*TEXT_KEYS, *WHOLE_KEYS, "trusted")
LAUNCHERS = ("none", "torchrun")


@dataclass(frozen=True)
class RunConfig:
    """A whole run's configuration: where it goes, and the parts its stages are handed."""

    run_dir: Path
    parts: Components
    nodes: dict[str, Any]


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
    _check_keys(nodes)
    _check_plain(nodes, trusted)
    made = parts_of(nodes, trusted)
    built = {"seed": nodes["seed"], **all_of(made)}
    parts = Components(built, {key: nodes[key] for key in built})
    return RunConfig(Path(nodes["run_dir"], subfolder), parts, nodes)


def parts_of(nodes: dict[str, Any], trusted: Sequence[str] = ()) -> Mapping[str, Callable[[], Any]]:
    """For each group a function that builds it. Values in `nodes` are brought into their types."""
    prefixes = (*TRUSTED, *trusted)
    for key, settings in SETTINGS.items():
        if isinstance(nodes[key], Mapping):
            nodes[key] = by_names(settings, coerced(nodes[key], prefixes))
    for key in COMPONENTS:
        nodes[key] = coerced(nodes[key], prefixes)
    made: dict[str, Callable[[], Any]] = {
        key: partial(_settings, nodes[key], key, prefixes) for key in SETTINGS
    }
    return made | {key: partial(_component, nodes[key], key, prefixes) for key in COMPONENTS}


def rules_in(path: Path, trusted: Sequence[str] = ()) -> tuple[dict[str, Rule], dict[str, Any]]:
    """The rules of one file, as objects and as plain values.

    Raises:
        ConfigError: the file is no YAML of rules. UnknownNameError: a key is unknown.
    """
    try:
        config = OmegaConf.load(path)
    except yaml.YAMLError as error:
        raise ConfigError(yaml_fault(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if odd := list(misread(path)):
        raise ConfigError.of(odd)
    if not isinstance(config, DictConfig) or "defaults" in config:
        found = "a `defaults` list" if isinstance(config, DictConfig) else "a list"
        raise ConfigError(f"{path} holds {found}; expected rules by their names")
    nodes = coerced(plain(config), prefixes := (*TRUSTED, *trusted))
    return _component(nodes, "rules", prefixes), nodes


def _settings(node: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    return construct(SETTINGS[key], with_components(node, key, trusted), key)


def _component(node: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    built, kind = build(node, key, trusted), COMPONENTS[key]
    named = {f"{key}.{n}": part for n, part in built.items()} if key == "rules" else {key: built}
    wrong: list[WsalError] = [
        ConfigError(_no_component(part, name, kind))
        for name, part in named.items()
        if not isinstance(part, kind) or inspect.isclass(part)
    ]
    if wrong:
        raise ConfigError.of(wrong)
    return built


def _no_component(part: Any, name: str, kind: type) -> str:  # noqa: ANN401
    if isinstance(part, Mapping):
        return f"{name} has no `_target_`, which says what it is; expected a {kind.__name__}"
    if inspect.isfunction(part) and kind is Rule:
        return (
            f"{name}: {part.__module__}.{part.__name__} is a plain function; put `@rule` before it "
            "(from wsal.rules.functions import rule)"
        )
    return f"{name} is a {type(part).__name__}, not a {kind.__name__}"


def _check_keys(nodes: dict[str, Any]) -> None:
    """Refuse keys that are not known; one that was taken away is missed, but for the rules."""
    for group in ("experiment", "local"):
        if group in nodes:
            raise ConfigError(
                f"the file of {group} puts its keys under {group!r}: its first line is missing, "
                "which is `# @package _global_`"
            )
    known = SETTINGS.keys() | COMPONENTS.keys() | set(PLAIN_KEYS)
    nodes.setdefault("rules", {})
    wrong: list[WsalError] = [UnknownNameError("key", key, known) for key in nodes.keys() - known]
    wrong += [
        ConfigError(f"{key} was taken away (~{key}, or null), and no run can do without it")
        for key in sorted(known - nodes.keys())
    ]
    if wrong:
        raise ConfigError.of(wrong)


def _check_plain(nodes: dict[str, Any], trusted: Sequence[str]) -> None:
    """Refuse what no run can have; numbers that stand for text, or whole ones, are made so."""
    wrong: list[WsalError] = []
    for key in (*TEXT_KEYS, *WHOLE_KEYS):
        value = nodes[key]
        if key in TEXT_KEYS and type(value) in (int, float):
            nodes[key] = str(value)
        elif key in WHOLE_KEYS and isinstance(value, float) and value.is_integer():
            nodes[key] = int(value)
        elif type(value) is not (str if key in TEXT_KEYS else int):
            kind = "text" if key in TEXT_KEYS else "a whole number"
            wrong.append(ConfigError(f"{key} is {value!r}; expected {kind}"))
    if wrong:
        raise ConfigError.of(wrong)
    nodes["trusted"] = listed(nodes["trusted"])
    for key in ("name", "run_dir"):
        if nodes[key].strip() in ("", ".", "..") or any(ord(c) < 32 for c in nodes[key]):
            raise ConfigError(f"{key} is {nodes[key]!r}; expected the name of a folder")
    if ".." in Path(nodes["name"]).parts:  # `wsal status` would never see it
        raise ConfigError(
            f"name is {nodes['name']!r}, outside of runs/; use run_dir=FOLDER for that"
        )
    _check_processes(nodes, trusted)


def _check_processes(nodes: Mapping[str, Any], trusted: Sequence[str]) -> None:
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


def listed(value: Any) -> list[str]:  # noqa: ANN401  a list, or one name
    """Names of modules; `trusted=my_rules` is a list of one."""
    names = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ConfigError(f"trusted is {value!r}; expected names of modules: trusted=[my_module]")
    return list(names)
