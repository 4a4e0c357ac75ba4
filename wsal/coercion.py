"""Values converted to their annotated types, but only where the meaning is certain."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

NUMBERS = (int, float)


def as_hinted(hint: Any, value: Any) -> Any:  # noqa: ANN401  any annotation, any value
    """The value, converted if the annotation asks for text or a list, and the meaning is certain.

    A whole number becomes text, and a single word a list of length one. Everything else stays as it
    is and is checked later: a boolean or a decimal number is not converted to text, because `yes`
    or `1.50` may have been typed, and a word with a comma not to a list.

    >>> as_hinted(tuple[str, ...], "title"), as_hinted(tuple[str, ...], [501, "x"])
    (['title'], ['501', 'x'])
    >>> as_hinted(dict[str, str], {1: "A"}), as_hinted(str | None, True)
    ({'1': 'A'}, True)
    """
    hint = _bare(hint)
    inside = get_args(hint)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(inside, value)
    if hint in (str, Path):
        return _text(value, path=hint is Path)
    if isinstance(value, Mapping):
        return _mapping(hint, value)
    if _is_list(origin, inside):
        if _whole(value) or (isinstance(value, str) and value.strip() and "," not in value):
            value = [value]
        if isinstance(value, list | tuple):
            return [as_hinted(inside[0], item) for item in value]
    return value


def by_names(make: Any, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401  a class
    """Each value converted for the parameter of its name; unknown names stay as they are."""
    hints = hints_of(make)
    return {name: as_hinted(hints.get(name, Any), value) for name, value in values.items()}


@cache
def hints_of(make: Any) -> dict[str, Any]:  # noqa: ANN401  a class, or a function
    """The annotations of its parameters, by name; empty if they cannot be resolved."""
    try:
        function = make.__init__ if isinstance(make, type) else make  # type: ignore[misc]
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}


def _bare(hint: Any) -> Any:  # noqa: ANN401
    return _bare(get_args(hint)[0]) if get_origin(hint) is Annotated else hint


def _union(hints: Sequence[Any], value: Any) -> Any:  # noqa: ANN401
    types_ = [_bare(hint) for hint in hints if hint is not type(None)]
    if value is None or any(type_ in NUMBERS for type_ in types_):
        return value
    return as_hinted(str if str in types_ else types_[0], value)


def _whole(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any, *, path: bool) -> Any:  # noqa: ANN401
    if path and isinstance(value, str) and value.startswith("~/"):
        return str(Path.home() / value[2:])
    return str(value) if _whole(value) else value


def _mapping(hint: Any, value: Mapping[Any, Any]) -> Any:  # noqa: ANN401
    origin = get_origin(hint)
    if is_dataclass(hint) and "_target_" not in value:
        return by_names(hint, value)
    if isinstance(origin, type) and issubclass(origin, Mapping) and "_target_" not in value:
        key, item = get_args(hint)
        return {as_hinted(key, k): as_hinted(item, v) for k, v in value.items()}
    return value


def _is_list(origin: Any, inside: Sequence[Any]) -> bool:  # noqa: ANN401
    if origin is tuple:
        return len(inside) == 2 and inside[1] is Ellipsis
    return isinstance(origin, type) and issubclass(origin, Sequence) and len(inside) == 1
