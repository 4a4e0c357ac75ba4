"""Class names, other names that an answer may have, and their integers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from wsal.arrays import Mask
from wsal.errors import UnknownNameError

NONE = "none of these"
"""The answer that a text belongs to no class."""
Parents = Mapping[str, Collection[str]]
"""The classes that each name of several classes stands for."""
SKIPS = ("-", "–", "—")  # answers for a skipped text; spreadsheets turn "-" into the dashes


@dataclass(frozen=True)
class LabelSet:
    """Class names in index order; the only place that maps names to integers.

    A vote or an answer may name something else than a class: a parent, which stands for several
    classes (an inner node of a class tree, or a class that was split), or `NONE`, which stands for
    no class. Its integer is its code: classes come first, then `NONE`, then the parents.

    >>> labels = LabelSet(("Tea", "Coffee", "Pets"), {"Drinks": ("Tea", "Coffee")})
    >>> labels.index("Coffee"), labels.code("none of these"), labels.code("Drinks")
    (1, 3, 4)
    >>> labels.members[labels.code("Drinks")].tolist()
    [True, True, False]
    """

    names: tuple[str, ...]
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """The classes that each parent stands for."""
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Other names -> the class or parent that they mean: former names, ids and short names."""
    configured: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    """Names that mean another class than that of this name now, as in rules that were written
    before it was freed and used anew; None: a class that was removed, whose code is -1."""

    @classmethod
    def of(cls, names: Iterable[str]) -> "LabelSet":
        """The label set of these names, sorted and without duplicates."""
        return cls(tuple(sorted(set(names))))

    @classmethod
    def of_pool(cls, facts: Mapping[str, Any]) -> "LabelSet":
        """The label set in the facts of a pool."""
        parents = {name: tuple(classes) for name, classes in facts.get("parents", {}).items()}
        return cls(tuple(facts["labels"]), parents, facts.get("renamed", {}))

    @classmethod
    def of_configuration(cls, facts: Mapping[str, Any]) -> "LabelSet":
        """The label set in the facts of a pool, for names in rules and settings.

        These names mean what they meant before the classes were edited.
        """
        return replace(cls.of_pool(facts), configured=facts.get("configured", {}))

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """Every name that an answer may have, in the order of codes."""
        return (*self.names, NONE, *self.parents)

    @cached_property
    def _code(self) -> dict[str, int]:
        codes = {name: code for code, name in reversed(list(enumerate(self.answers)))}
        aliases = {old: codes[new] for old, new in self.aliases.items() if new in codes}
        configured = {
            old: -1 if new is None else codes[new] for old, new in self.configured.items()
        }
        return aliases | codes | configured

    @cached_property
    def members(self) -> Mask:
        """`(codes, classes)`: the classes that each code stands for.

        The probability of an answer is that of its classes in sum: `probs @ members.T`.
        """
        n = len(self.names)
        members = np.zeros((len(self.answers), n), dtype=bool)
        members[np.arange(n), np.arange(n)] = True
        for place, classes in enumerate(self.parents.values()):
            members[n + 1 + place, [self.index(name) for name in classes]] = True
        return members

    def index(self, name: str) -> int:
        """The integer of the class `name` in every array.

        Raises:
            UnknownNameError: no class has this name; the message suggests the nearest one.
        """
        if name not in self:
            raise UnknownNameError("label", name, self.names)
        return self._code[name]

    def code(self, name: str) -> int:
        """The code of a class, a parent, or `NONE`.

        Raises:
            UnknownNameError: nothing has this name; the message suggests the nearest name.
        """
        if name not in self._code:
            raise UnknownNameError("label", name, self.answers)
        return self._code[name]

    def __contains__(self, name: str) -> bool:
        """Whether a class has this name, perhaps as an alias."""
        return self._code.get(name, len(self.names)) < len(self.names)

    def __len__(self) -> int:
        """How many classes there are."""
        return len(self.names)


def finest(labels: Iterable[str], parents: Parents) -> set[str]:
    """The labels without those that have another one of them inside.

    >>> sorted(finest(["Tea", "Drinks", "Pets"], {"Drinks": ("Tea", "Coffee")}))
    ['Pets', 'Tea']
    """
    classes = {label: set(parents.get(label, (label,))) for label in labels}
    inside = {
        coarse
        for coarse, own in classes.items()
        if coarse in parents and any(other < own for other in classes.values())
    }
    return set(classes) - inside
