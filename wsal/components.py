"""The built configuration that stages are handed, and what of it counts for a digest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from wsal.contents import code_files, is_own_code, of_files, source_file
from wsal.settings import EncoderSettings


@runtime_checkable
class HasContent(Protocol):
    """A component that stands for more than its settings: a file's rows, a function's source."""

    def content(self) -> Mapping[str, Any]:
        """What, besides the settings, makes artifacts stale if it changes; see `contents`."""
        ...


@dataclass(frozen=True)
class Components:
    """For each node of the configuration, the object it stands for and its plain values."""

    built: Mapping[str, Any]
    nodes: Mapping[str, Any]

    def __getitem__(self, need: str) -> Any:  # noqa: ANN401  settings or a component
        """The settings or component that a stage needs."""
        return self.built[need]

    def config(self, need: str) -> dict[str, Any]:
        """The node and its content, as a manifest records them."""
        node = self.nodes[need]
        if aside := getattr(self.built[need], "SHAPES_NOTHING", ()):
            node = {name: value for name, value in node.items() if name not in aside}
        return {"node": _named(node), "content": _content(self.built[need])}


def _content(part: Any) -> dict[str, Any]:  # noqa: ANN401  a component, settings, or any value
    """What a component, and the components in it, stand for besides their settings."""
    content = dict(part.content()) if isinstance(part, HasContent) else {}
    if isinstance(part, EncoderSettings) and Path(part.path).is_dir():
        content |= of_files([Path(part.path)])
    if is_own_code(type(part).__module__) and (file := source_file(type(part))):
        content |= {"code": of_files(code_files(file, type(part).__module__))}
    found = {name: _content(one) for name, one in _inside(part)}
    return content | {name: one for name, one in found.items() if one}


def _inside(part: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The parts of a part, by name."""
    if isinstance(part, Mapping):
        yield from ((str(name), one) for name, one in part.items())
    elif isinstance(part, tuple | list):
        yield from ((str(number), one) for number, one in enumerate(part))
    elif is_dataclass(part) and not isinstance(part, type):
        yield from ((one.name, getattr(part, one.name)) for one in fields(part))


def _named(node: Any) -> Any:  # noqa: ANN401  a node of the configuration
    """The node with names that are text: YAML reads some, such as 501, as numbers."""
    if isinstance(node, Mapping):
        return {str(name): _named(one) for name, one in node.items()}
    return [_named(one) for one in node] if isinstance(node, list) else node
