"""Class names and the integers that stand for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from wsal.errors import UnknownNameError

SKIPS = ("-", "–", "—")  # in an answer: the text was skipped; spreadsheets make dashes of "-"


@dataclass(frozen=True)
class LabelSet:
    """Class names in index order; the one place where a name meets its integer.

    >>> LabelSet(("ham", "spam")).index("spam")
    1
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> "LabelSet":
        """The label set of these names, sorted, each once."""
        return cls(tuple(sorted(set(names))))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """The integer that stands for `name` in every array.

        Raises:
            UnknownNameError: no class has this name; the message has the nearest one.
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
