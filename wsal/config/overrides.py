"""Arguments of `wsal run` as Hydra needs them: options last, special characters in quotes."""

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from wsal.errors import ConfigError

TEXT = ("name", "run_dir", "data.path")  # text even if it looks like a number or a list
TAKE_A_VALUE = (
    "--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn",
    "--config-dir", "-cd", "--info", "-i",
)  # fmt: skip
OPTIONS = (
    "--help", "--hydra-help", "--version", "--cfg", "--resolve", "--package", "--run", "--multirun",
    "--shell-completion", "--config-path", "--config-name", "--config-dir", "--info",
)  # fmt: skip
ASSIGNED = re.compile(r"(\+{0,2})([^=\s'\"\[\]{}(),~+][^=]*)=(.*)", re.DOTALL)
IN_YAML = (
    "put it into a YAML file instead (mine/experiment/NAME.yaml, with `# @package _global_` as its "
    "first line), and use --config-dir mine experiment=NAME"
)


def prepared(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra needs them: overrides first, each in its grammar, then options.

    A value that Hydra's grammar does not allow (`&`, umlauts, parentheses, `=`) is put in quotes,
    `~/` becomes the home folder, and `name`, `run_dir` and `data.path` are always text.

    >>> prepared(["--config-dir", "mine", "data.layout.labels=[Tea & Coffee,Pets]", "name=2024"])
    ["data.layout.labels=['Tea & Coffee',Pets]", "name='2024'", '--config-dir', 'mine']

    Raises:
        ConfigError: an argument is empty or cannot be parsed; all of them are named.
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
    parsed = (_parsed(argument) for argument in arguments if not argument.startswith("-"))
    return frozenset(o.key_or_group for o in parsed if o and o.is_sweep_override())


def _apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's options with their values, and the overrides."""
    options, overrides = list[str](), list[str]()
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("-"):
            overrides.append(argument)
            continue
        if argument.startswith("--experimental"):
            raise ConfigError(f"{argument} is not supported: it would load a pickle")
        if argument.startswith("--"):
            _check_option(argument)
        if argument != "--":
            options.append(argument)
        takes_value = any(_stands_for(argument, option) for option in TAKE_A_VALUE)
        if takes_value and (value := next(waiting, None)) is not None:
            options.append(value)
    return options, overrides


def _check_option(argument: str) -> None:
    """Refuse an option that Hydra does not have, or that is an override with dashes before it."""
    name, assigned, value = argument.partition("=")
    if any(option.startswith(name) for option in OPTIONS):
        return
    if near := get_close_matches(name, OPTIONS, n=1, cutoff=0.8):
        raise ConfigError(f"{name} is no option; did you mean {near[0]}?")
    override = f"{name.lstrip('-')}={value if assigned else 'VALUE'}"
    raise ConfigError(f"{name} is no option; overrides have no dashes: {override}")


def check_name(name: str) -> None:
    """Refuse the name of a run that would lie outside of `runs/`, where `wsal status` looks.

    Raises:
        ConfigError: a part of it is `..`.
    """
    if ".." in Path(name).parts:
        raise ConfigError(
            f"name is {name!r}, which is outside of runs/; use run_dir=FOLDER instead"
        )


def _stands_for(argument: str, option: str) -> bool:
    """Whether the argument is this option, or the beginning of its long name."""
    begins = len(argument) > 3 and argument.startswith("--") and option.startswith(argument)
    return argument == option or begins


def _ready(override: str, *, sweeps: bool) -> str:
    assignment = ASSIGNED.fullmatch(override)
    if not assignment:
        if override.startswith("~") and _parsed(override):
            return override  # removes a key
        raise ConfigError(
            f"cannot understand {override!r}; expected KEY=VALUE, as in active.rounds=3"
        )
    plus, key, value = assignment.groups()
    if value == "~" or value.startswith("~/"):
        value = str(Path.home()) + value[1:]
    if any(unicodedata.category(c) == "Cc" and c not in "\t\n" for c in value):
        raise ConfigError(f"{key}={value!r} contains a control character; remove it")
    if key in TEXT and not value.strip(" '\""):
        raise ConfigError(f"{key}= is empty; give a value, as in {key}=shop, or leave it out")
    if key == "name":  # now, as Hydra makes the folder before the configuration is checked
        for name in value.split(",") if sweeps else [value]:
            check_name(name.strip(" '\""))
    if key in TEXT and not sweeps:
        return _text(plus, key, value)
    if value.replace(" ", "") == "{}":
        raise ConfigError(f"{key}={{}} changes nothing, because mappings are merged; leave it out")
    return _in_grammar(plus, key, value, sweeps=sweeps)


def _text(plus: str, key: str, value: str) -> str:
    """An override whose value is text, whatever it looks like."""
    as_typed = f"{plus}{key}={value}"
    parsed = _parsed(as_typed)
    literal = parsed.value() if parsed and not parsed.is_sweep_override() else None
    if parsed and parsed.is_sweep_override() and key != "data.path":
        raise ConfigError(
            f"{as_typed} has several values; for a sweep add --multirun, and if the comma is part "
            f'of the value, type "{key}={_quoted(value)}"'
        )
    if literal == value or (isinstance(literal, str) and value[0] in "'\""):
        return as_typed
    return f"{plus}{key}={_quoted(value)}"


def _in_grammar(plus: str, key: str, value: str, *, sweeps: bool) -> str:
    """The override as it is if Hydra can parse it, else with special characters in quotes."""
    as_typed = f"{plus}{key}={value}"
    if _parsed(as_typed):
        return as_typed
    if not _parsed(f"{plus}{key}=1"):
        raise ConfigError(f"{as_typed!r}: {key!r} cannot be a key on the command line; {IN_YAML}")
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
            f"{as_typed!r} cannot be parsed: between braces, names and values may contain only "
            f"ASCII letters, digits, spaces and characters such as - and /; for others, {IN_YAML}"
        )
    raise ConfigError(
        f"{as_typed!r} cannot be parsed; put each value with special characters in quotes, as in "
        f"\"{key}=['Tea & Coffee','Pets (all)']\", or {IN_YAML}"
    )


def _element(text: str) -> str:
    """An element of a list, in quotes if Hydra cannot parse it otherwise."""
    if _parsed(f"key={text}"):
        return text
    if text[:1] == "[" and text[-1:] == "]" and (parts := _split(text[1:-1])) is not None:
        return f"[{','.join(map(_element, parts))}]"
    return _quoted(text)


def _split(text: str) -> list[str] | None:
    """The text split at commas outside quotes and brackets; None if one of these is not closed.

    >>> _split("Levi's, Coffee (all, also decaf),'a,b'")
    ["Levi's", 'Coffee (all, also decaf)', "'a,b'"]
    """
    parts, depth, quote = [""], 0, ""
    for i, letter in enumerate(text):
        if quote:
            ends = letter == quote and text[i + 1 :].lstrip()[:1] in ("", ",", "]", "}")
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
    """The override as Hydra parses it; None if it cannot."""
    try:
        return _parser().parse_override(override)
    except (HydraException, ValueError, TypeError, IndexError):
        return None


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
