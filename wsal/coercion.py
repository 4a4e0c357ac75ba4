"""Values as their annotations want them, where a person can have meant one thing only."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

NUMBERS = (int, float)


def as_hinted(hint: Any, value: Any) -> Any:  # noqa: ANN401  any annotation, any value
    """The value, with whole numbers as text where text is wanted, and one word as a list of one.

    Everything else is given back as it is, for whoever checks it: a boolean and a number with a
    point are no text (`yes` or `1.50` may have been typed), a word with a comma is no list.

    >>> as_hinted(tuple[str, ...], "title"), as_hinted(tuple[str, ...], [501, "x"])
    (['title'], ['501', 'x'])
    >>> as_hinted(dict[str, str], {1: "A"}), as_hinted(str | None, True)
    ({'1': 'A'}, True)
    """
    hint, inside = _bare(hint), get_args(_bare(hint))
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of(inside, value)
    if hint in (str, Path):
        return _text(value, path=hint is Path)
    if isinstance(value, Mapping):
        return _mapping(hint, value)
    if _is_list(origin, inside):
        if _whole(value) or (isinstance(value, str) and value.strip() and "," not in value):
            value = [value]
        if isinstance(value, list | tuple):
            return [as_hinted(inside[0], one) for one in value]
    return value


def by_names(make: Any, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401  a class
    """Each value as the parameter of its name wants it; unknown names stay as they are."""
    hints = hints_of(make)
    return {name: as_hinted(hints.get(name, Any), value) for name, value in values.items()}


@cache
def hints_of(make: Any) -> dict[str, Any]:  # noqa: ANN401  a class, or a function
    """The annotations of what it takes, by name; none where they cannot be resolved."""
    try:
        found = make.__init__ if isinstance(make, type) else make  # type: ignore[misc]
        return get_type_hints(found, include_extras=True)
    except (NameError, TypeError):
        return {}


def _bare(hint: Any) -> Any:  # noqa: ANN401
    return _bare(get_args(hint)[0]) if get_origin(hint) is Annotated else hint


def _one_of(hints: Sequence[Any], value: Any) -> Any:  # noqa: ANN401
    wanted = [_bare(hint) for hint in hints if hint is not type(None)]
    if value is None or any(hint in NUMBERS for hint in wanted):
        return value
    return as_hinted(str if str in wanted else wanted[0], value)


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
