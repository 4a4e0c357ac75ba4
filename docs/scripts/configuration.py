"""The reference of every key in conf/, made from the dataclasses that the keys are read into.

A key is documented in one place, the docstring below its field. Its type and range come from the
annotation, its default from the option's file.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from itertools import chain, pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf

from wsal.config.composed import SETTINGS
from wsal.presets import CONF_DIR
from wsal.targets import find

WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
BOUNDS = {"gt": "above {}", "ge": "at least {}", "lt": "below {}", "le": "at most {}"}
GROUPS = {
    "data": "Where the texts come from, and what the columns mean.",
    "rules": "The rules that vote. [Rules](rules.md) explains the kinds of rules.",
    "label_model": "How [votes become weak labels](../explanation/label-models.md).",
    "loss": "The loss of weak training.",
    "strategy": "[Which texts](../explanation/strategies.md) people are asked about.",
    "annotator": "[Who answers](../how-to/annotators.md), and where.",
    "experiment": "Ready-made experiments: values of several groups at once.",
}
LISTS = ("rules", "experiment")  # groups whose options are content, not settings
FULLEST = {"data": ["catalog", "csv", "hub"]}  # options that spell out every key


def configuration_page() -> str:
    """The page, as Markdown.

    Raises:
        LookupError: a key has no docstring.
    """
    intro = (Path(__file__).with_suffix(".md")).read_text(encoding="utf-8")
    parts = [intro, _root()]
    parts += [_group(name, default) for name, default in _default_options().items()]
    return "\n".join(parts)


def field_docs(cls: type) -> dict[str, str]:
    """Each field of a dataclass and the docstring below it, inherited fields included."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not is_dataclass(base):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = getattr(tree, "body", [])
        for statement, below in pairwise(body):
            match statement, below:
                case (
                    ast.AnnAssign(target=ast.Name(name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    docs[name] = " ".join(text.split())
    return docs


def describe_type(hint: Any) -> str:
    """An annotation in words.

    >>> from pydantic import Field
    >>> describe_type(Annotated[int, Field(gt=0)] | None), describe_type(Literal["a", "b"])
    ('integer above 0, or null', '`a`, `b`')
    """
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " ".join(filter(None, [describe_type(inside[0]), _bounds(inside[1:])]))
    if origin in (Union, UnionType):
        parts = ["null" if part is NoneType else describe_type(part) for part in inside]
        return ", or ".join(dict.fromkeys(parts))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if inspect.isclass(origin):
        if issubclass(origin, Mapping):
            return f"mapping from name to {describe_type(inside[1])}"
        return f"list of {describe_type(inside[0])}"
    return WORDS.get(hint) or _noun(hint)


def _noun(cls: type) -> str:
    """What a class is called in a sentence: QueryStrategy is a query strategy."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cls.__name__).lower()


def _bounds(constraints: Sequence[Any]) -> str:
    values = {
        name: getattr(each, name)
        for constraint in constraints
        for each in (constraint, *getattr(constraint, "metadata", ()))
        for name in BOUNDS
        if getattr(each, name, None) is not None
    }
    if {"ge", "le"} <= values.keys():
        return f"from {values['ge']:g} to {values['le']:g}"
    return " and ".join(BOUNDS[name].format(f"{bound:g}") for name, bound in values.items())


def _default_options() -> dict[str, str | None]:
    """Group -> the option that a run takes by default, in the order of conf/config.yaml."""
    groups: dict[str, str | None] = {}
    for entry in OmegaConf.to_container(OmegaConf.load(CONF_DIR / "config.yaml"))["defaults"]:
        if isinstance(entry, Mapping):
            ((group, option),) = entry.items()
            if (CONF_DIR / str(group)).is_dir():
                groups[str(group)] = option
    return groups


def _root() -> str:
    """The keys that belong to no group; their comments in conf/config.yaml say what they mean."""
    lines = (CONF_DIR / "config.yaml").read_text(encoding="utf-8").splitlines()
    keys = [re.fullmatch(r"(\w+): (\S+)(?: +# (.*))?", line) for line in lines]
    rows = [["key", "default", "meaning"]]
    for match in filter(None, keys):
        if not match[3]:
            raise LookupError(f"conf/config.yaml: {match[1]} has no comment; say what it means")
        rows.append([f"`{match[1]}`", f"`{match[2]}`", match[3]])
    return f"## The run\n\n{_table(rows)}"


def _group(group: str, default: str | None) -> str:
    options = {path.stem: path for path in sorted((CONF_DIR / group).glob("*.yaml"))}
    nodes = {name: _resolved(path) for name, path in options.items()} if group not in LISTS else {}
    intro = GROUPS.get(group) or (inspect.getdoc(SETTINGS[group]) or "").partition("\n\n")[0]
    parts = [f"## {group}", " ".join(intro.split()), _options(group, options, nodes, default)]
    documented: dict[type, tuple[str, dict[str, Any]]] = {}  # class -> title, default values
    ordered = dict.fromkeys([*FULLEST.get(group, [default]), *nodes])
    nested = [list(_classes(SETTINGS.get(group), nodes.get(name), group)) for name in ordered]
    for name, ((_, cls, values), *_) in zip(ordered, filter(None, nested), strict=False):
        documented.setdefault(cls, (f"{group}={name}", values))
    for path, cls, values in chain.from_iterable(nested):
        documented.setdefault(cls, (path, values))
    for cls, (title, values) in documented.items():
        if fields(cls):
            parts += [f"### {title}"] if len(documented) > 1 else []
            parts.append(_keys(cls, values))
    return "\n\n".join(parts) + "\n"


def _resolved(path: Path) -> dict[str, Any]:
    """The values of an option, with those of the options that it is based on."""
    values: Any = OmegaConf.to_container(OmegaConf.load(path))
    node: dict[str, Any] = {}
    for base in values.pop("defaults", ()):
        if isinstance(base, Mapping):  # such as {"/annotator@people": "oracle"}: a part of it
            ((place, option),) = base.items()
            if place.startswith("override "):  # of another group
                continue
            group, _, key = place.strip("/").partition("@")
            node[key] = _resolved(CONF_DIR / group / f"{option}.yaml")
        elif base != "_self_":
            node |= _resolved(path.with_name(f"{base}.yaml"))
    return node | values


def _classes(
    settings: type | None, node: Any, path: str
) -> Iterator[tuple[str, type, dict[str, Any]]]:
    """The dataclasses that a node is read into, with path and values; those inside it, too."""
    if not isinstance(node, Mapping):
        return
    cls = find(str(node["_target_"]), "", ("wsal.",)) if "_target_" in node else settings
    values = {name: value for name, value in node.items() if name != "_target_"}
    if cls is not None:
        yield path, cls, values
    hints = get_type_hints(cls, include_extras=True) if cls else {}
    for name, value in values.items():
        hint = hints.get(name)
        inner = hint if inspect.isclass(hint) and is_dataclass(hint) else None
        yield from _classes(inner, value, f"{path}.{name}")


def _options(
    group: str, options: Mapping[str, Path], nodes: Mapping[str, Any], default: str | None
) -> str:
    """The table of a group's options; of settings, with the values in which an option differs."""
    rows = [["option", "what it is"]]
    usual = nodes.get(str(default), {})
    for name, path in options.items():
        mark = " (default)" if name == default else ""
        text = _header(path)
        changed = [
            f"`{key}={_yaml(value)}`"
            for key, value in nodes.get(name, {}).items()
            if group in SETTINGS and not isinstance(value, Mapping) and value != usual.get(key)
        ]
        if changed:
            text = f"{text} Sets {', '.join(changed)}."
        rows.append([f"`{group}={name}`{mark}", text])
    return _table(rows)


def _header(path: Path) -> str:
    """The comment at the head of a file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            break
        lines.append(line.removeprefix("# "))
    text = " ".join(line for line in lines if not line.startswith("@package"))
    text = re.sub(r"^wsal run \S+( data\.path=FILE)? +", "", text)
    return text.partition(". ")[0].rstrip(".:") + "." if path.parent.name in LISTS else text


def _keys(cls: type, values: Mapping[str, Any]) -> str:
    docs, hints = field_docs(cls), get_type_hints(cls, include_extras=True)
    rows = [["key", "type", "default", "meaning"]]
    for field in fields(cls):
        if field.name not in docs:
            raise LookupError(f"{cls.__module__}.{cls.__name__}.{field.name} has no docstring")
        default = values.get(field.name, field.default)
        rows.append(
            [f"`{field.name}`", describe_type(hints[field.name]), _value(default), docs[field.name]]
        )
    return _table(rows)


def _value(value: Any) -> str:
    if value == "???":
        return "required"
    return "see below" if isinstance(value, Mapping) or value is MISSING else f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _table(rows: list[list[str]]) -> str:
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]]) + "\n"
