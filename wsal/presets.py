"""The options of `conf/`, for callers from Python: the same names and defaults as the commands'."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from wsal.building import TRUSTED, build, coerced, construct, with_components
from wsal.coercion import by_names
from wsal.errors import UnknownNameError

T = TypeVar("T")
PACKAGE = Path(__file__).parent
# conf/ lies inside an installed wheel, and beside the package in a checkout
CONF_DIR = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"


def preset(kind: type[T], group: str, name: str, changes: Mapping[str, Any]) -> T:
    """The settings or component that `conf/GROUP/NAME.yaml` describes, with some values changed.

    Raises:
        UnknownNameError: there is no such option, or no such value.
        ConfigError: a value is of the wrong type or out of range.

    >>> from wsal.training_settings import FinetuneSettings
    >>> preset(FinetuneSettings, "finetune", "probe", {"lr": 0.01}).head_only
    True
    """
    node = coerced(_read(group, name) | dict(changes))
    if "_target_" in node:
        component: T = build(node, group)
        return component
    settings: T = construct(kind, with_components(by_names(kind, node), group, TRUSTED), group)
    return settings


def _read(group: str, name: str) -> dict[str, Any]:
    """The values of an option, after those of the options that it names under `defaults`."""
    from omegaconf import OmegaConf  # noqa: PLC0415  reads numbers such as 1e-4, as commands do

    file = CONF_DIR / group / f"{name}.yaml"
    if not file.is_file():
        known = sorted(path.stem for path in (CONF_DIR / group).glob("*.yaml"))
        raise UnknownNameError(f"option of {group}", name, known)
    values: Any = OmegaConf.to_container(OmegaConf.load(file))
    node: dict[str, Any] = {}
    for base in values.pop("defaults", ()):
        if isinstance(base, str):  # not {"override /rules": "catalog"}, which is for commands
            node |= _read(group, base)
    return {**node, **values}
