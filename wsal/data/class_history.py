"""Classes from their first state to the present one: what a name of any state means now.

An answer belongs to the state of the classes in which it was given, and means what its name meant
then. It follows its class when that is renamed, moved or merged. An answer with a class that was
split stands for all parts; one with a class that was removed stands for nothing. So a name that
is reused for a new class never takes over old answers.

The same holds if edits are undone: an answer with a part of a split stands for the whole again, and
one with a merged class for all classes that were merged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wsal.changes import ClassEdit
from wsal.data.class_fold import FORMER, Folded, fold

UNMERGED, GONE = " (merge undone)", " (undone)"
"""After a name that came to be by an edit which was undone: it meant several of the present
classes, or none of them."""
Edits = tuple[ClassEdit, ...]


@dataclass(frozen=True)
class ClassHistory:
    """The first state of the classes, and the edits since then."""

    first: tuple[str, ...]
    """The classes as they are configured, in their order."""
    edits: Edits = ()
    is_tree: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names -> the classes and nodes of the first state that they mean."""

    @classmethod
    def of_pool(cls, facts: Mapping[str, Any]) -> "ClassHistory":
        """The history in the facts of a pool."""
        first = facts.get("first_classes", facts)
        is_tree = first.get("tree", "parents" in facts)
        return cls(tuple(first["labels"]), edits_in(facts), is_tree, first.get("renamed", {}))

    @property
    def names(self) -> tuple[str, ...]:
        """The present classes."""
        return self._folded.states[-1]

    @cached_property
    def parents(self) -> dict[str, tuple[str, ...]]:
        """The names that stand for several present classes."""
        return self._folded.parents[-1]

    @cached_property
    def _folded(self) -> Folded:
        return fold(self.first, self.edits, self.aliases, tree=self.is_tree)

    @cached_property
    def _undone(self) -> dict[Edits, Folded]:
        return {}

    def _at(self, then: Edits) -> Folded:
        """The states through edits of which some were undone."""
        if then not in self._undone:
            self._undone[then] = fold(self.first, then, self.aliases, tree=self.is_tree)
        return self._undone[then]

    def present(self, name: str, then: Edits = ()) -> str:
        """The present name of what a name meant when the edits `then` were in force.

        If that is no class any more, the result is no name that an answer may have now, such as
        `Tea (before edit 3)`. A name that never was one is returned as it is.
        """
        shared = _n_shared(then, self.edits)
        if shared == len(then):
            meaning = self._folded.meaning(name, shared, self.aliases)
            return name if meaning is None else self._folded.shown(meaning)
        undone = self._at(then)
        meaning = undone.meaning(name, len(then), self.aliases)
        if meaning is None:
            return name if not then else self.present(name, then[:shared])
        for known, same in undone.names_at[shared].items():
            if same is meaning:
                return self._folded.shown(self._folded.names_at[shared][known])
        # It came to be by an edit that was undone: it stands for what it was made of.
        made_of = [
            self._folded.names_at[shared][known]
            for known in undone.states[shared]
            if set(undone.names_at[shared][known].classes) & set(meaning.classes)
        ]
        classes = dict.fromkeys(name for each in made_of for name in each.classes)
        if not classes:
            return f"{name}{GONE}"
        return self._folded.name_of(tuple(classes)) or f"{name}{UNMERGED}"

    def present_names(self, then: Edits = ()) -> dict[str, str]:
        """Every name that may mean something else now than it says -> its present name.

        Former names of any state, other names, and the names of the state `then`.
        """
        known = dict.fromkeys(name for names in self._folded.names_at for name in names)
        if _n_shared(then, self.edits) < len(then):
            undone = self._at(then)
            known |= dict.fromkeys(name for names in undone.names_at for name in names)
        present = {name: self.present(name, then) for name in [*known, *self.aliases]}
        same = set(self.names)
        return {old: new for old, new in present.items() if old != new or old not in same}

    def is_former(self, name: str) -> bool:
        """Whether `present` returned this name for what is no class any more."""
        is_former = is_undone(name) or FORMER.fullmatch(name) is not None
        return is_former and name not in self.parents

    def classes_at(self, then: Edits) -> tuple[str, ...]:
        """The classes when the edits `then` were in force."""
        shared = _n_shared(then, self.edits)
        return self._folded.states[shared] if shared == len(then) else self._at(then).states[-1]

    def opened_since(self, then: Edits) -> set[str]:
        """The present names of what was a class and stands for several classes now."""
        present = {self.present(name, then) for name in self.classes_at(then)}
        return {name for name in present if name in self.parents or name.endswith(UNMERGED)}


def is_undone(name: str | None) -> bool:
    """Whether `ClassHistory.present` returned this for a name that an undone edit had made."""
    return name is not None and name.endswith((UNMERGED, GONE))


def edits_in(facts: Mapping[str, Any]) -> Edits:
    """The edits that were in force when an artifact was made."""
    return tuple(ClassEdit.of_node(node) for node in facts.get("edits", ()))


def introduced(edits: Iterable[ClassEdit]) -> set[str]:
    """The names that edits made before any edit used them: they are not of the first state."""
    made, used = set[str](), set[str]()
    for edit in edits:
        before = () if edit.action == "add" else edit.names
        used |= {name for name in before if name not in made}
        after = edit.names if edit.action == "add" else edit.into
        made |= {name for name in after if name not in used}
    return made


def _n_shared(edits: Edits, others: Edits) -> int:
    """How many edits two sequences begin with alike."""
    pairs = enumerate(zip(edits, others, strict=False))
    return next((n for n, (edit, other) in pairs if edit != other), min(len(edits), len(others)))
