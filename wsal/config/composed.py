"""From the configuration that Hydra composed to checked settings and components.

There is no schema in Hydra's ConfigStore: OmegaConf's typed fields have no ranges, and they accept
unknown keys with `+typo=1`. So everything is checked here, after composition, in one way.
"""

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
from wsal.config.errors import listed, misread, plain, yaml_fault
from wsal.config.overrides import check_name
from wsal.data.base import DataSource
from wsal.errors import ConfigError, UnknownNameError, WsalError
from wsal.export.base import ExportSettings
from wsal.label_models.base import LabelModel
from wsal.llm.settings import LLMSettings
from wsal.rules.base import Rule
from wsal.settings import (
    ActiveSettings,
    AggregateSettings,
    AmplifySettings,
    EncoderSettings,
    EvaluationSettings,
    HardwareSettings,
    LauncherSettings,
    RaySettings,
    StopSettings,
    TrackerSettings,
)
from wsal.training_settings import (
    AdaptSettings,
    FinetuneSettings,
    PretrainSettings,
    RetrainSettings,
    SelfTrainingSettings,
)

SETTINGS = {
    "encoder": EncoderSettings,
    "hardware": HardwareSettings,
    "ray": RaySettings,
    "adapt": AdaptSettings,
    "self_training": SelfTrainingSettings,
    "tracker": TrackerSettings,
    "llm": LLMSettings,
    "aggregate": AggregateSettings,
    "pretrain": PretrainSettings,
    "retrain": RetrainSettings,
    "finetune": FinetuneSettings,
    "amplify": AmplifySettings,
    "active": ActiveSettings,
    "evaluation": EvaluationSettings,
    "stop": StopSettings,
    "export": ExportSettings,
}
COMPONENTS: dict[str, type] = {
    "data": DataSource,
    "rules": Rule,  # a mapping from names to rules, so that one can be overridden or removed
    "label_model": LabelModel,
    "loss": Loss,
    "strategy": QueryStrategy,
    "annotator": Annotator,
}
TEXT_KEYS = ("name", "run_dir", "device", "launcher")
WHOLE_KEYS = ("seed", "processes", "shard_rows")
NUMBERS = ("seed", "shard_rows")  # that stages need
PLAIN_KEYS = (*TEXT_KEYS, *WHOLE_KEYS, "report", "trusted")
LAUNCHERS = ("local", "torchrun", "ray")


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run: its folder, the objects its stages use, and the plain values."""

    run_dir: Path
    components: Components
    nodes: dict[str, Any]


def check(config: DictConfig, *, trusted: Sequence[str] = (), subfolder: str = "") -> RunConfig:
    """The configuration as objects, all of them checked before any work begins.

    Args:
        config: what Hydra composed.
        trusted: modules other than wsal whose objects may be built; from the command line only.
        subfolder: appended to the run folder, so that each job of a sweep has its own.

    Raises:
        ConfigError: a value is missing, of the wrong type, or out of range; or a component is
            not of the type that its group requires.
        UnknownNameError: a key is unknown.
    """
    nodes = plain(config)
    _check_keys(nodes)
    _check_plain(nodes, trusted)
    made = parts_of(nodes, trusted)
    built = {key: nodes[key] for key in NUMBERS} | all_of(made)
    built["launcher"] = LauncherSettings(nodes["launcher"], nodes["processes"], built["ray"])
    components = Components(built, {key: nodes[key] for key in built})
    return RunConfig(Path(nodes["run_dir"], subfolder), components, nodes)


def parts_of(nodes: dict[str, Any], trusted: Sequence[str] = ()) -> Mapping[str, Callable[[], Any]]:
    """A function for each group that builds it. Values in `nodes` are converted to their types."""
    prefixes = (*TRUSTED, *trusted)
    for group in ("llm", "retrain", "ray"):
        nodes.setdefault(group, {})  # in runs from before there was this group
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
    """The rules in a file: objects by name, and their plain values by name.

    Raises:
        ConfigError: the file does not hold rules in YAML.
        UnknownNameError: a key is unknown.
    """
    try:
        config = OmegaConf.load(path)
    except yaml.YAMLError as error:
        raise ConfigError(yaml_fault(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if problems := list(misread(path)):
        raise ConfigError.of(problems)
    if not isinstance(config, DictConfig) or "defaults" in config:
        content = "a `defaults` list" if isinstance(config, DictConfig) else "a list"
        raise ConfigError(f"{path} holds {content}; expected rules, each under its name")
    prefixes = (*TRUSTED, *trusted)
    nodes = coerced(plain(config), prefixes)
    return _component(nodes, "rules", prefixes), nodes


def _settings(node: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    return construct(SETTINGS[key], with_components(node, key, trusted), key)


def _component(node: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    built = build(node, key, trusted)
    kind = COMPONENTS[key]
    if key == "rules":
        components = {f"rules.{name}": rule for name, rule in built.items()}
    else:
        components = {key: built}
    problems: list[WsalError] = [
        ConfigError(_wrong_kind(component, name, kind))
        for name, component in components.items()
        if not isinstance(component, kind) or inspect.isclass(component)
    ]
    if problems:
        raise ConfigError.of(problems)
    return built


def _wrong_kind(component: Any, name: str, kind: type) -> str:  # noqa: ANN401
    if isinstance(component, Mapping):
        return f"{name} has no `_target_` (the class to build); expected a {kind.__name__}"
    if inspect.isfunction(component) and kind is Rule:
        return (
            f"{name}: {component.__module__}.{component.__name__} is a plain function; put `@rule` "
            "before it (from wsal.rules.functions import rule)"
        )
    return f"{name} is of type {type(component).__name__}; expected a {kind.__name__}"


def _check_keys(nodes: dict[str, Any]) -> None:
    """Refuse unknown and missing keys; only `rules` may be missing, which means no rules."""
    for group in ("experiment", "local"):
        if group in nodes:
            raise ConfigError(
                f"the keys in the file of {group} end up under {group!r}; add this first line to "
                "the file: `# @package _global_`"
            )
    known = SETTINGS.keys() | COMPONENTS.keys() | set(PLAIN_KEYS)
    nodes.setdefault("rules", {})
    problems: list[WsalError] = [
        UnknownNameError("key", key, known) for key in nodes.keys() - known
    ]
    problems += [
        ConfigError(f"{key} was removed (with ~{key} or null), but every run needs it")
        for key in sorted(known - nodes.keys())
    ]
    if problems:
        raise ConfigError.of(problems)


def _check_plain(nodes: dict[str, Any], trusted: Sequence[str]) -> None:
    """Check the keys outside of groups; a number is converted where text was expected."""
    problems: list[WsalError] = []
    for key in (*TEXT_KEYS, *WHOLE_KEYS):
        value = nodes[key]
        if key in TEXT_KEYS and type(value) in (int, float):
            nodes[key] = str(value)
        elif key in WHOLE_KEYS and isinstance(value, float) and value.is_integer():
            nodes[key] = int(value)
        elif type(value) is not (str if key in TEXT_KEYS else int):
            kind = "text" if key in TEXT_KEYS else "a whole number"
            problems.append(ConfigError(f"{key} is {value!r}; expected {kind}"))
    if not isinstance(nodes["report"], bool):
        problems.append(ConfigError(f"report is {nodes['report']!r}; expected true or false"))
    if problems:
        raise ConfigError.of(problems)
    nodes["trusted"] = listed(nodes["trusted"])
    for key in ("name", "run_dir"):
        if nodes[key].strip() in ("", ".", "..") or any(ord(c) < 32 for c in nodes[key]):
            raise ConfigError(f"{key} is {nodes[key]!r}; expected the name of a folder")
    check_name(nodes["name"])
    _check_processes(nodes, trusted)


def _check_processes(nodes: Mapping[str, Any], trusted: Sequence[str]) -> None:
    for key, least in (("seed", 0), ("shard_rows", 1)):
        if nodes[key] < least:
            raise ConfigError(f"{key} is {nodes[key]}; expected a whole number of {least} or more")
    if nodes["launcher"] not in LAUNCHERS:
        raise UnknownNameError("launcher", nodes["launcher"], LAUNCHERS)
    if nodes["processes"] < 1 or (nodes["processes"] > 1 and nodes["launcher"] == "ray"):
        raise ConfigError(
            f"processes is {nodes['processes']} with launcher={nodes['launcher']}; expected 1, or "
            "more with launcher=local or torchrun (with launcher=ray, set ray.actors)"
        )
    if list(trusted) != nodes["trusted"]:
        raise ConfigError(
            f"trusted is {nodes['trusted']} in a configuration file; code can be trusted on the "
            "command line only: trusted=[my_module]"
        )
