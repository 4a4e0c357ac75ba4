"""Errors of Hydra, OmegaConf and YAML as one line that says where the error is and what to type."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from wsal.errors import ConfigError, did_you_mean

NOT_DECIMAL = re.compile(r"[-+]?0[\d_]+|[-+]?0[xb][\da-fA-F_]+|[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?")

OWN = "--config-dir FOLDER, where FOLDER/GROUP/NAME.yaml is GROUP=NAME"


def explain(error: BaseException, conf_dir: Path) -> str:
    """An error about the command line or a file in one line, with the nearest known key."""
    if isinstance(error, yaml.YAMLError):
        return yaml_fault(error)
    if isinstance(error, OmegaConfBaseException) and "${" in str(error):
        return _reference(error)
    message = str(error)
    if cause := error.__cause__:
        message += f" {cause}"
    if misplaced := re.search(r"'\w+@(experiment|local)\.", message):
        return (
            f"the file of {misplaced[1]} puts its options under {misplaced[1]!r}: "
            "its first line has to be `# @package _global_`"
        )
    if option := re.search(r"Could not find '(\w+)/([^']+)'", message):
        known = getattr(error, "options", None) or ()  # with those of the user's --config-dir
        own = "" if "provider=command-line" in message else "; options of your own need " + OWN
        return f"unknown option {option[1]}={option[2]}{did_you_mean(option[2], known)}{own}"
    unknown = re.search(r"Key '\w+' is not in struct\s+full_key: ([\w.]+)", message)
    if not unknown:
        lines = [" ".join(line.split()) for line in message.splitlines() if line.strip()]
        return " ".join(dict.fromkeys(lines))
    *parents, name = unknown[1].split(".")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir)):
        whole = compose("config")
    siblings = OmegaConf.select(whole, ".".join(parents)) if parents else whole
    keys = [str(k) for k in siblings] if OmegaConf.is_dict(siblings) else []
    return f"unknown key {unknown[1]!r}{did_you_mean(name, keys) if keys else ''}"


def yaml_fault(error: yaml.YAMLError) -> str:
    r"""File, line, column and what is wrong there, with a hint for common mistakes.

    >>> try: yaml.safe_load('pattern: "\\d+g"')
    ... except yaml.YAMLError as error: print(yaml_fault(error))  # doctest: +ELLIPSIS
    <unicode string>, line 1, column 12: found unknown escape character 'd'; ... in single quotes...
    """
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    hint = ""
    if "escape character" in what:
        hint = "; a backslash is taken literally only in single quotes, as in pattern: '\\d+g'"
    elif "\\t" in what:
        hint = "; indent with spaces, not tabs"
    elif "duplicate key" in what:
        hint = "; each name may appear only once"
    at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    name = mark.name if mark else getattr(error, "name", "a YAML file")
    return f"{name}{at}: {' '.join(what.split())}{hint}"


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as ordinary dicts and lists, references resolved, every key text.

    Raises:
        ConfigError: values are missing, a reference cannot be resolved, or a key is not text;
            all of them are named.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(config))
        nodes: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(_reference(error)) from error
    if missing:
        lack = ", ".join(f"{key} has no value" for key in missing)
        example = " ".join(f"{key}=..." for key in missing)
        raise ConfigError(f"{lack}; add to the command: {example}")
    return _text_keys(nodes)  # type: ignore[no-any-return]


def listed(value: Any) -> list[str]:  # noqa: ANN401  a list, or one name
    """Names of modules as a list; `trusted=my_rules` is a list of length one."""
    names = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ConfigError(f"trusted is {value!r}; expected names of modules: trusted=[my_module]")
    return list(names)


def _reference(error: OmegaConfBaseException) -> str:
    key = getattr(error, "full_key", None) or "a key"
    what = " ".join(str(error).splitlines()[0].split())
    return (
        f"{key}: `${{` begins a reference to another key, and this one cannot be resolved "
        rf"({what}); for the characters themselves write \${{"
    )


def _text_keys(node: Any, parent: str = "") -> Any:  # noqa: ANN401  a node of the configuration
    """The node, with keys that are whole numbers as text."""
    if isinstance(node, list):
        return [_text_keys(item, parent) for item in node]
    if not isinstance(node, dict):
        return node
    for key in node:
        if isinstance(key, bool) or not isinstance(key, str | int):
            where = f" of {parent}" if parent else ""
            kind = "a boolean" if isinstance(key, bool) else "not text"
            raise ConfigError(
                f"the key {key}{where} is {kind} (YAML reads yes, no, on and off as booleans); "
                'put it in quotes, as in "yes"'
            )
    prefix = f"{parent}." if parent else ""
    return {str(key): _text_keys(value, f"{prefix}{key}") for key, value in node.items()}


def misread(path: Path) -> Iterator[ConfigError]:
    """An error for each value that YAML misreads: it reads 0123 as 83, 1:30 as 90, yes as True."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        yield ConfigError(f"{path} is not UTF-8 ({error}); save it as UTF-8")
        return
    waiting, seen = [root] if root else [], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key in (key for key, _ in node.value if key.tag.endswith(":bool")):
                yield _to_quote(path, key, "a boolean")
            for key, value in reversed(node.value):
                waiting += [value, key]
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
        elif node.style is None and NOT_DECIMAL.fullmatch(node.value):
            yield _to_quote(path, node, yaml.safe_load(node.value))


def _to_quote(path: Path, node: yaml.ScalarNode, read_as: object) -> ConfigError:
    return ConfigError(
        f"{path}, line {node.start_mark.line + 1}: YAML reads {node.value} as {read_as}; put it in "
        f"quotes: '{node.value}'"
    )


def not_utf8(arguments: Sequence[str]) -> str:
    """The YAML files that are not UTF-8, in those folders that are among the arguments."""
    folders = (Path(argument.partition("=")[2] or argument) for argument in arguments)
    files = (path for folder in folders if folder.is_dir() for path in folder.rglob("*.yaml"))
    return ", ".join(str(path) for path in sorted(files) if not _is_utf8(path)) or "a YAML file"


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True
