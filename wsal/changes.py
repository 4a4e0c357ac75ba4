"""What was changed in a run after it began: its classes, its records. Folded from the journal.

`prepare` starts from the configured data and applies the changes, so that a pool depends on the
configuration and the changes alone.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

CLASS_ACTIONS = ("add", "rename", "merge", "split", "move", "remove")


@dataclass(frozen=True)
class ClassEdit:
    """One edit of the classes, or of the nodes of their tree."""

    action: Literal["add", "rename", "merge", "split", "move", "remove"]
    names: tuple[str, ...]
    """The names before the edit; for `add`, the new class."""
    into: tuple[str, ...] = ()
    """The names after it; for `move`, the new parent; empty for `add` and `remove`."""


@dataclass(frozen=True)
class Batch:
    """A file of records that was appended; the run folder keeps a copy of it."""

    file: str
    """Its name in the folder `appended` of the run."""
    digest: str
    """SHA-256 of the copy."""


@dataclass(frozen=True)
class Changes:
    """All changes in force, each kind in the order in which they were made."""

    classes: tuple[ClassEdit, ...] = ()
    batches: tuple[Batch, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.classes or self.batches)

    def as_node(self) -> Mapping[str, Any]:
        """Plain values, as a manifest records them."""
        return asdict(self)
