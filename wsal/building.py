"""From plain configuration to objects, each value checked against the constructor it goes to."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from wsal.errors import ConfigError, UnknownNameError, did_you_mean

TRUSTED = ("wsal.",)


def build(node: Any, key: str, trusted: Sequence[str] = TRUSTED) -> Any:  # noqa: ANN401
    """The component that a `_target_` node names, or a mapping of such components.

    Values of a node may be such nodes again, as for a strategy made of others. Only targets whose
    dotted name begins with a trusted prefix are imported at all.

    Raises:
        ConfigError: the target is not trusted or cannot be imported, a value is of the wrong
            type or out of range, a value is missing. UnknownNameError: an unknown parameter.
    """
    if not isinstance(node, Mapping):
        raise ConfigError(f"{key} is {node!r}; expected a node with a `_target_`")
    if "_target_" not in node:
        return {str(name): build(one, f"{key}.{name}", trusted) for name, one in node.items()}
    target = _find(str(node["_target_"]), key, trusted)
    values = {
        name: with_components(value, f"{key}.{name}", trusted)
        for name, value in node.items()
        if name != "_target_"
    }
    if not callable(target) or not inspect.isclass(target):
        if values:
            raise ConfigError(
                f"{key}: {node['_target_']} is no class, so it takes no {list(values)}"
            )
        return target  # made by a decorator: a rule written as a function
    return construct(target, values, key)


def with_components(value: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    """The value, with every node in it that names a `_target_` built; see `build`."""
    if not isinstance(value, Mapping):
        return value
    if "_target_" in value:
        return build(value, key, trusted)
    return {name: with_components(one, f"{key}.{name}", trusted) for name, one in value.items()}


def construct(make: Callable[..., Any], values: Any, key: str) -> Any:  # noqa: ANN401
    """`make(**values)`, each value checked and converted by the annotation of its parameter.

    >>> from wsal.settings import PretrainSettings
    >>> construct(PretrainSettings, {"lr": -1}, "pretrain")
    Traceback (most recent call last):
    wsal.errors.ConfigError: pretrain.lr is -1: input should be greater than 0
    """
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{key} is {values!r}; expected a mapping with the keys of {make.__name__}"
        )
    parameters = inspect.signature(make).parameters
    hints = get_type_hints(make.__init__ if inspect.isclass(make) else make, include_extras=True)
    for name in values:
        if name not in parameters:
            raise UnknownNameError(f"key of {key}", str(name), parameters)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and values.get(name) is None:
            raise ConfigError(f"{key}.{name} is missing; give {key}.{name}=...")
    given = {n: _value(hints[n], value, f"{key}.{n}") for n, value in values.items()}
    return make(**given)


def _value(hint: Any, value: Any, key: str) -> Any:  # noqa: ANN401
    if is_dataclass(hint) and isinstance(value, Mapping):
        return construct(hint, value, key)  # type: ignore[arg-type]
    try:
        return TypeAdapter(hint, config=_config(hint)).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        inside = value if isinstance(value, Mapping) else ()
        place = "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}"
            for step in first["loc"]
            if isinstance(step, int) or step in inside
        )
        message = first["msg"][0].lower() + first["msg"][1:]
        raise ConfigError(f"{key}{place} is {first['input']!r}: {message}") from error


def _config(hint: Any) -> ConfigDict | None:  # noqa: ANN401
    return None if is_dataclass(hint) else ConfigDict(arbitrary_types_allowed=True)


def _find(target: str, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    if not any(target.startswith(_dotted(prefix)) for prefix in trusted):
        raise ConfigError(
            f"{key} would import {target!r}; trusted are {', '.join(map(_dotted, trusted))} "
            "(to trust code of your own: trusted=[my_module] on the command line)"
        )
    module, _, name = target.rpartition(".")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            raise  # the module is there, and lacks something of its own
        raise ConfigError(
            f"{key}: there is no module {module!r} for _target_ {target!r}"
        ) from error
    if not hasattr(found, name):
        known = [n for n in vars(found) if not n.startswith("_")]
        raise ConfigError(f"{key}: module {module} has no {name!r}{did_you_mean(name, known)}")
    return getattr(found, name)


def _dotted(prefix: str) -> str:
    return prefix if prefix.endswith(".") else f"{prefix}."
