"""What was changed in a run after it began: its classes, its records. Folded from the journal.

`prepare` starts from the configured data and applies the changes, so that a pool depends on the
configuration and the changes alone.
"""

import json
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
    """The names after it, whole paths in a class tree; empty for `add` and `remove`."""

    @classmethod
    def of_node(cls, node: Mapping[str, Any]) -> "ClassEdit":
        """The edit in plain values."""
        return cls(node["action"], tuple(node["names"]), tuple(node.get("into", ())))

    def as_node(self) -> dict[str, Any]:
        """Plain values, as manifests and the journal have them."""
        return {"action": self.action, "names": list(self.names), "into": list(self.into)}


@dataclass(frozen=True)
class Batch:
    """A file of records that was appended; the run folder keeps a copy of it."""

    file: str
    """Its name in the folder `appended` of the run."""
    digest: str
    """SHA-256 of the copy."""
    withdraw: bool = False
    """Whether its records leave the data; otherwise they are added, or change earlier ones."""
    by: Literal["id", "text"] = "id"
    """What identifies a record that the run has already."""
    with_labels: bool = True
    """Whether it has a column with gold labels; otherwise, records that it changes keep theirs."""


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
        classes = [edit.as_node() for edit in self.classes]
        return {"classes": classes, "batches": [asdict(batch) for batch in self.batches]}


def note_of(change: ClassEdit | Batch) -> str:
    """A change as the journal notes it: `{"classes": {...}}` or `{"batch": {...}}`."""
    node = {"batch": asdict(change)} if isinstance(change, Batch) else {"classes": change.as_node()}
    return json.dumps(node, ensure_ascii=False)


def change_of(note: str) -> ClassEdit | Batch:
    """The change that a note of the journal holds."""
    node = json.loads(note)
    return ClassEdit.of_node(node["classes"]) if "classes" in node else Batch(**node["batch"])
