"""The configuration as objects, and what of it an artifact's digest covers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from wsal.contents import code_files, is_own_code, of_files, source_file
from wsal.settings import EncoderSettings


@runtime_checkable
class HasContent(Protocol):
    """A component whose results depend on more than its settings: a file, a function's source."""

    def content(self) -> Mapping[str, Any]:
        """What makes artifacts stale when it changes, besides the settings; see `contents`."""
        ...


@dataclass(frozen=True)
class Components:
    """For each group of the configuration, its object and its plain values."""

    built: Mapping[str, Any]
    nodes: Mapping[str, Any]

    def __getitem__(self, need: str) -> Any:  # noqa: ANN401  settings or a component
        """The settings or component that a stage needs."""
        return self.built[need]

    def config(self, need: str) -> dict[str, Any]:
        """The plain values and the content of a group, as a manifest records them."""
        node = self.nodes[need]
        if ignored := getattr(self.built[need], "NOT_IN_DIGEST", ()):
            node = {name: value for name, value in node.items() if name not in ignored}
        # Settings that earlier versions lacked do not count where they change nothing: what was
        # made without them stays up to date.
        added = getattr(self.built[need], "ADDED", {})
        node = {n: v for n, v in node.items() if n not in added or v != added[n]} if added else node
        return {"node": _with_text_keys(node), "content": _content(self.built[need])}


def _content(part: Any) -> dict[str, Any]:  # noqa: ANN401  a component, settings, or any value
    """The content of a component and of the components inside it."""
    content = dict(part.content()) if isinstance(part, HasContent) else {}
    if isinstance(part, EncoderSettings) and Path(part.path).is_dir():
        content |= of_files([Path(part.path)])
    if is_own_code(type(part).__module__) and (file := source_file(type(part))):
        content |= {"code": of_files(code_files(file, type(part).__module__))}
    inner = {name: _content(value) for name, value in _inside(part)}
    return content | {name: value for name, value in inner.items() if value}


def _inside(part: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The values inside a component, by name."""
    if isinstance(part, Mapping):
        yield from ((str(name), value) for name, value in part.items())
    elif isinstance(part, tuple | list):
        yield from ((str(number), value) for number, value in enumerate(part))
    elif is_dataclass(part) and not isinstance(part, type):
        yield from ((field.name, getattr(part, field.name)) for field in fields(part))


def _with_text_keys(node: Any) -> Any:  # noqa: ANN401  plain values
    """The node with keys as text: YAML reads some, such as 501, as numbers."""
    if isinstance(node, Mapping):
        return {str(name): _with_text_keys(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_with_text_keys(value) for value in node]
    return node
