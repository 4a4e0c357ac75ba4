"""The settings in which runs differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

IGNORED = ("name", "run_dir", "tracker", "report", "trusted", "export")
"""What says where a run is, what watches it, and what is made of its classifier."""
ABSENT = "–"


def varied(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Each setting in which some of the configurations differ, with its value in each.

    A component goes by the name of its class, and rules by their number. A component's own settings
    are listed only where they differ between runs with the same component.

    >>> margin = {"seed": 0, "strategy": {"_target_": "x.Margin"}}
    >>> dbal = {"seed": 0, "strategy": {"_target_": "x.Dbal", "clusters": 3}}
    >>> varied([margin, dbal])
    {'strategy': ['Margin', 'Dbal']}
    """
    rules = [json.dumps(config.get("rules"), sort_keys=True) for config in configs]
    kept = [
        {k: v for k, v in config.items() if k not in IGNORED}
        | {"rules": _rules(config.get("rules") or {}, sorted(set(rules)).index(own))}
        for config, own in zip(configs, rules, strict=True)
    ]
    flat = [_flat(config) for config in kept]
    keys = dict.fromkeys(key for own in flat for key in own)
    columns = {key: [own.get(key, ABSENT) for own in flat] for key in keys}
    differing = {key: column for key, column in columns.items() if _differs(column)}
    shown = {}
    for key, column in differing.items():
        above = [key[:at] for at, letter in enumerate(key) if letter == "."]
        components = [differing[prefix] for prefix in above if prefix in differing]
        if not any(_follows(column, component) for component in components):
            shown[key] = column
    return shown


def is_seed(key: str) -> bool:
    """Whether a setting only says which random numbers are drawn.

    >>> is_seed("seed"), is_seed("data.seed"), is_seed("data.n")
    (True, True, False)
    """
    return key.rpartition(".")[2] == "seed"


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; that of a component itself has the name of its class."""
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        key = f"{prefix}{name}"
        if name == "_target_" and prefix:
            flat[prefix[:-1]] = str(inner).rpartition(".")[2]
        elif isinstance(inner, Mapping):
            flat |= _flat(inner, f"{key}.")
        else:
            flat[key] = json.dumps(inner) if isinstance(inner, list) else inner
    return flat


def _rules(rules: Mapping[str, Any], number: int) -> str:
    """All rules in words. The letter tells apart others of the same number."""
    return f"{len(rules)} ({chr(ord('a') + number % 26)})" if rules else "none"


def _differs(column: Sequence[Any]) -> bool:
    return any(value != column[0] for value in column)


def _follows(column: Sequence[Any], component: Sequence[Any]) -> bool:
    """Whether the component alone decides the value."""
    by_component: dict[Any, Any] = {}
    return all(
        by_component.setdefault(of, value) == value
        for of, value in zip(component, column, strict=True)
    )
