"""The built configuration that stages are handed, and what of it counts for a digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HasContent(Protocol):
    """A component that stands for more than its settings: a file's rows, a function's source."""

    def content(self) -> Mapping[str, str]:
        """What, besides the settings, makes artifacts stale if it changes."""
        ...


@dataclass(frozen=True)
class Parts:
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
        return {"node": node, "content": _content(self.built[need])}


def _content(part: Any) -> Any:  # noqa: ANN401  a mapping of contents, or nothing
    if isinstance(part, HasContent):
        return dict(part.content())
    if isinstance(part, Mapping):
        found = {str(name): _content(one) for name, one in part.items()}
        return {name: content for name, content in found.items() if content}
    return {}
