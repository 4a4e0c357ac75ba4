"""What is typed after `wsal run`, made ready for Hydra: options last, odd values in quotes."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from wsal.errors import ConfigError

TEXT = ("name", "run_dir", "data.path")  # text, even if it looks like a number or a list
TAKE_A_VALUE = (
    "--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn",
    "--config-dir", "-cd", "--info", "-i",
)  # fmt: skip
ASSIGNED = re.compile(r"(\+{0,2})([^=\s'\"\[\]{}(),~+][^=]*)=(.*)", re.DOTALL)
YAML_WAY = (
    "write it into a YAML file instead (mine/experiment/NAME.yaml, whose first line is "
    "`# @package _global_`) and use --config-dir mine experiment=NAME"
)


def prepared(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra takes them: overrides first, each in its grammar, then options.

    A value that Hydra's grammar does not know (`&`, umlauts, parentheses, `=`) is quoted, `~/` is
    the home folder, and `name`, `run_dir` and `data.path` are text whatever they look like.

    >>> prepared(["--config-dir", "mine", "data.layout.labels=[Tea & Coffee,Pets]", "name=2024"])
    ["data.layout.labels=['Tea & Coffee',Pets]", "name='2024'", '--config-dir', 'mine']

    Raises:
        ConfigError: an argument is empty, or cannot be read even so; all of them are named.
    """
    options, overrides = _apart(arguments)
    sweeps = any(option in ("--multirun", "-m") for option in options)
    ready, problems = [], []
    for override in overrides:
        try:
            ready.append(_ready(override, sweeps=sweeps))
        except ConfigError as error:
            problems.append(error)
    if problems:
        raise ConfigError.of(problems)
    return [*ready, *options]


def swept(arguments: Sequence[str]) -> frozenset[str]:
    """The keys that take more than one value in this sweep."""
    parsed = (_parsed(one) for one in arguments if not one.startswith("-"))
    return frozenset(one.key_or_group for one in parsed if one and one.is_sweep_override())


def _apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's options with their values, and the overrides."""
    options, overrides = list[str](), list[str]()
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("-"):
            overrides.append(argument)
            continue
        if argument.startswith("--experimental"):
            raise ConfigError(f"{argument} reads a pickle, which wsal never does")
        if argument != "--":
            options.append(argument)
        names = [name for name in TAKE_A_VALUE if _stands_for(argument, name)]
        if names and (value := next(waiting, None)) is not None:
            options.append(value)
    return options, overrides


def _stands_for(argument: str, name: str) -> bool:
    """Whether it is the option, or the beginning of its long name."""
    begins = len(argument) > 3 and argument.startswith("--") and name.startswith(argument)
    return argument == name or begins


def _ready(override: str, *, sweeps: bool) -> str:
    found = ASSIGNED.fullmatch(override)
    if not found:
        if override.startswith("~") and _parsed(override):
            return override  # takes a key away
        raise ConfigError(f"{override!r} is no setting; expected KEY=VALUE, as in active.rounds=3")
    plus, key, value = found.groups()
    if value == "~" or value.startswith("~/"):
        value = str(Path.home()) + value[1:]
    if any(unicodedata.category(c) == "Cc" and c not in "\t\n" for c in value):
        raise ConfigError(f"{key}={value!r} has a control character; take it out")
    if key in TEXT and not value.strip(" '\""):
        raise ConfigError(f"{key}= is empty; give a value, as in {key}=shop, or leave it out")
    if key in TEXT and not sweeps:
        return _text(plus, key, value)
    if value.replace(" ", "") == "{}":
        raise ConfigError(
            f"{key}={{}} changes nothing; an empty mapping is merged into what is set"
        )
    return _in_grammar(plus, key, value, sweeps=sweeps)


def _text(plus: str, key: str, value: str) -> str:
    """An override whose value is text, whatever it looks like."""
    as_typed = f"{plus}{key}={value}"
    parsed = _parsed(as_typed)
    literal = parsed.value() if parsed and not parsed.is_sweep_override() else None
    if parsed and parsed.is_sweep_override() and key != "data.path":
        raise ConfigError(
            f"{as_typed} has several values, as for a sweep: add --multirun; if the comma belongs "
            f'to the value, type "{key}={_quoted(value)}"'
        )
    if literal == value or (isinstance(literal, str) and value[0] in "'\""):
        return as_typed
    return f"{plus}{key}={_quoted(value)}"


def _in_grammar(plus: str, key: str, value: str, *, sweeps: bool) -> str:
    """The override as it is if Hydra can read it, else with its odd parts in quotes."""
    as_typed = f"{plus}{key}={value}"
    if _parsed(as_typed):
        return as_typed
    if not _parsed(f"{plus}{key}=1"):
        raise ConfigError(f"{as_typed!r}: {key!r} cannot be a key on the command line; {YAML_WAY}")
    parts = _split(value[1:-1]) if value[:1] == "[" and value[-1:] == "]" else None
    if parts is not None:
        candidate = f"{plus}{key}=[{','.join(map(_element, parts))}]"
    elif sweeps and (choices := _split(value)):
        candidate = f"{plus}{key}={','.join(map(_element, choices))}"
    elif value[:1] in ("[", "{", "'", '"'):
        candidate = ""
    else:
        candidate = f"{plus}{key}={_quoted(value)}"
    if candidate and _parsed(candidate):
        return candidate
    if value[:1] == "{" and value[-1:] == "}":
        raise ConfigError(
            f"{as_typed!r} cannot be read: between braces, names and values may have only "
            f"ASCII letters, digits, spaces and signs such as - and /; for others, {YAML_WAY}"
        )
    raise ConfigError(
        f"{as_typed!r} cannot be read: put each value with special characters in quotes, as in "
        f"\"{key}=['Tea & Coffee','Pets (all)']\", or {YAML_WAY}"
    )


def _element(text: str) -> str:
    """One element of a list, in quotes if Hydra cannot read it otherwise."""
    if _parsed(f"key={text}"):
        return text
    if text[:1] == "[" and text[-1:] == "]" and (parts := _split(text[1:-1])) is not None:
        return f"[{','.join(map(_element, parts))}]"
    return _quoted(text)


def _split(text: str) -> list[str] | None:
    """The parts between commas that stand outside quotes and brackets; None if these do not close.

    >>> _split("Levi's, Coffee (all, also decaf),'a,b'")
    ["Levi's", 'Coffee (all, also decaf)', "'a,b'"]
    """
    parts, depth, quote = [""], 0, ""
    for place, letter in enumerate(text):
        if quote:
            ends = letter == quote and text[place + 1 :].lstrip()[:1] in ("", ",", "]", "}")
            quote = "" if ends and parts[-1][-1:] != "\\" else quote
        elif letter in "'\"" and not parts[-1].strip():
            quote = letter
        elif letter == "," and depth == 0:
            parts.append("")
            continue
        depth += 0 if quote else (letter in "([{") - (letter in ")]}")
        parts[-1] += letter
    return None if quote or depth else [part.strip() for part in parts]


def _quoted(text: str) -> str:
    return str(QuotedString(text=text, quote=Quote.single).with_quotes())


def _parsed(override: str) -> Override | None:
    """What Hydra reads; None where it cannot."""
    try:
        return _parser().parse_override(override)
    except (HydraException, ValueError, TypeError, IndexError):
        return None


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
