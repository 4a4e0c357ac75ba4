"""Class names and their integers."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from wsal.errors import UnknownNameError

SKIPS = ("-", "–", "—")  # answers for a skipped text; spreadsheets turn "-" into the dashes


@dataclass(frozen=True)
class LabelSet:
    """Class names in index order; the only place that maps names to integers.

    >>> LabelSet(("ham", "spam")).index("spam")
    1
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> "LabelSet":
        """The label set of these names, sorted and without duplicates."""
        return cls(tuple(sorted(set(names))))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """The integer of the class `name` in every array.

        Raises:
            UnknownNameError: no class has this name; the message suggests the nearest one.
        """
        if name not in self._index:
            raise UnknownNameError("label", name, self.names)
        return self._index[name]

    def __contains__(self, name: str) -> bool:
        """Whether a class has this name."""
        return name in self._index

    def __len__(self) -> int:
        """How many classes there are."""
        return len(self.names)
