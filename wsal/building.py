"""From plain configuration to objects; each value is checked by the annotation of its parameter."""

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from wsal.coercion import by_names, hints_of
from wsal.errors import ConfigError, UnknownNameError, WsalError
from wsal.targets import MOVED, RENAMED, find

TRUSTED = ("wsal.",)
EXAMPLE = "`_target_: wsal.rules.patterns.Keyword`"
LONGEST = 100  # characters of a value in a message
BOOLEANS = (
    "a boolean (YAML reads yes, no, on, off, true and false so); if a name or a word is meant, "
    'put it in quotes, as in "yes"'
)
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def build(node: Any, key: str, trusted: Sequence[str] = TRUSTED) -> Any:  # noqa: ANN401
    """The component that a node with a `_target_` describes, or a mapping of such components.

    Values of a node may be such nodes too, as in a strategy made of others. Only targets whose
    dotted name begins with a trusted prefix are imported.

    Raises:
        ConfigError: the target is not trusted or cannot be imported; a value is missing, of the
            wrong type, or out of range. If several things are wrong, it names all of them.
        UnknownNameError: a parameter is unknown.
    """
    if not isinstance(node, Mapping):
        raise ConfigError(f"{key} is {_shown(node)}; expected {_node_wanted(node, key)}")
    if "_target_" not in node:
        if not all(isinstance(value, Mapping) for value in node.values()):
            raise ConfigError(
                f"{key} has no `_target_` (the class to build); add one, for example {EXAMPLE}"
            )
        return all_of({n: partial(build, v, f"{key}.{n}", trusted) for n, v in node.items()})
    target = find(str(node["_target_"]), key, trusted)
    values = all_of(
        {
            name: partial(with_components, value, f"{key}.{name}", trusted)
            for name, value in node.items()
            if name != "_target_"
        }
    )
    if not callable(target) or not inspect.isclass(target):
        if values:
            raise ConfigError(
                f"{key}: {node['_target_']} is not a class; remove {', '.join(values)}"
            )
        return target  # an object that a decorator made, such as a rule written as a function
    return construct(target, values, key)


def with_components(value: Any, key: str, trusted: Sequence[str]) -> Any:  # noqa: ANN401
    """The value, with every node in it that has a `_target_` built; see `build`."""
    if not isinstance(value, Mapping):
        return value
    if "_target_" in value:
        return build(value, key, trusted)
    return all_of({n: partial(with_components, v, f"{key}.{n}", trusted) for n, v in value.items()})


def coerced(node: Any, trusted: Sequence[str] = TRUSTED) -> Any:  # noqa: ANN401
    """The node with each value converted to what its constructor expects; see `as_hinted`.

    A node with an unknown target stays as it is: `build` raises the error.
    """
    if not isinstance(node, Mapping):
        return node
    inner = {name: coerced(value, trusted) for name, value in node.items()}
    if "_target_" not in node:
        return inner
    try:
        target = find(str(node["_target_"]), "", trusted)
    except WsalError:
        return inner
    for old, new in RENAMED.get(
        MOVED.get(str(node["_target_"]), str(node["_target_"])), {}
    ).items():
        if old in inner:
            inner[new] = inner.pop(old)
    return by_names(target, inner) if inspect.isclass(target) else inner


def construct(make: Callable[..., Any], values: Any, key: str) -> Any:  # noqa: ANN401
    """`make(**values)`, each value checked and converted by the annotation of its parameter.

    >>> from wsal.training_settings import PretrainSettings
    >>> construct(PretrainSettings, {"lr": -1}, "pretrain")
    Traceback (most recent call last):
    wsal.errors.ConfigError: pretrain.lr is -1: input should be greater than 0
    """
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{key} is {_shown(values)}; expected a mapping with the settings of {make.__name__}"
        )
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    hints = hints_of(make)
    problems: list[WsalError] = [
        UnknownNameError(f"key of {key}", str(name), parameters)
        for name in values
        if name not in parameters
    ]
    problems += [
        ConfigError(f"{key}.{name} is missing; give {key}.{name}=...")
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and values.get(name) is None
    ]
    checks = {
        name: partial(_value, hints.get(name, Any), value, f"{key}.{name}")
        for name, value in values.items()
        if name in parameters
    }
    arguments = all_of(checks, problems)
    try:
        return make(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key}: {error}") from error


def all_of(makers: Mapping[K, Callable[[], T]], problems: Sequence[WsalError] = ()) -> dict[K, T]:
    """What each function returns.

    Raises:
        ConfigError: some functions raised, or there are `problems`; it names them all.
    """
    made: dict[K, T] = {}
    errors = list(problems)
    for name, make in makers.items():
        try:
            made[name] = make()
        except WsalError as error:
            errors.append(error)
    if errors:
        raise ConfigError.of(errors)
    return made


def _value(hint: Any, value: Any, key: str) -> Any:  # noqa: ANN401
    if is_dataclass(hint) and isinstance(value, Mapping):
        return construct(hint, value, key)  # type: ignore[arg-type]
    if Path in (hint, *get_args(hint)) and isinstance(value, str) and not value.strip():
        raise ConfigError(f"{key} is empty; give {key}=FILE")
    try:
        return TypeAdapter(hint, config=_config(hint)).validate_python(value)
    except ValidationError as error:
        keys = value if isinstance(value, Mapping) else ()
        by_path: dict[str, list[Mapping[str, Any]]] = {}
        for detail in _deepest(error):
            path = "".join(
                f"[{step}]" if isinstance(step, int) else f".{step}"
                for step in detail["loc"]
                if isinstance(step, int) or step in keys
            )
            by_path.setdefault(path, []).append(detail)
        raise ConfigError.of(
            [
                ConfigError(f"{key}{path} is {_problem(d)}{_choice(d, key)}")
                for path, d in by_path.items()
            ]
        ) from error


def _deepest(error: ValidationError) -> list[Any]:
    """Its errors, without those that only say that a list has no valid values."""
    errors = error.errors()
    return [detail for detail in errors if detail["type"] != "too_short"] or errors


def _problem(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a value; for a union there is an error for each of its types."""
    value = errors[0]["input"]
    kinds = {error["type"] for error in errors}
    if "string_type" in kinds and isinstance(value, bool):
        return f"{value}, {BOOLEANS}"
    if "string_type" in kinds and (value is None or isinstance(value, float)):
        what = "null" if value is None else repr(value)
        return f'{what}; if text is meant, put it in quotes, as in "{what}"'
    if kinds & {"tuple_type", "list_type"} and isinstance(value, str):
        items = ", ".join(part.strip() for part in value.split(","))
        return f"{_shown(value)}; expected a list: [{items}]"
    messages = dict.fromkeys(error["msg"][0].lower() + error["msg"][1:] for error in errors)
    return f"{_shown(value)}: {', or '.join(messages)}"


def _choice(errors: Sequence[Mapping[str, Any]], key: str) -> str:
    """What to type, if a component was expected and the value may be the name of an option."""
    is_name = isinstance(errors[0]["input"], str)
    if not is_name or {error["type"] for error in errors} != {"is_instance_of"}:
        return ""
    return f"; to choose an option of a group for it, write GROUP@{key}={errors[0]['input']}"


def _shown(value: Any) -> str:  # noqa: ANN401
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _node_wanted(node: Any, key: str) -> str:  # noqa: ANN401
    """What was expected instead of a node that does not describe a component."""
    if isinstance(node, list):
        return f"a mapping from names to components: `NAME:` and below it {EXAMPLE}"
    if isinstance(node, str) and "." not in key:
        return (
            f"a mapping with a `_target_`; to choose the option {node!r} in a file, write "
            f"`- override /{key}: {node}` under `defaults:`"
        )
    return f"a mapping with a `_target_`, for example {EXAMPLE}"


def _config(hint: Any) -> ConfigDict | None:  # noqa: ANN401
    return None if is_dataclass(hint) else ConfigDict(arbitrary_types_allowed=True)
