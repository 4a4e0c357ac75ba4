"""Several classes per text: how a set of classes is written, and the matrix that holds many sets.

In a pool with the fact `multilabel`, each class is a yes/no decision. A set of classes is written
as the names in the order of classes with " | " between them, and the empty set as `NONE`, in
answers, sheets and files. No class name contains "|", which is checked when the data are read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wsal.arrays import Classes
from wsal.errors import ConfigError
from wsal.labels import NONE, LabelSet

MARK = "|"
"""What no class name may contain."""
SEPARATOR = f" {MARK} "


def is_multilabel(pool_facts: Mapping[str, Any]) -> bool:
    """Whether a text of the pool may have several classes."""
    return bool(pool_facts.get("multilabel"))


def joined(names: Iterable[str]) -> str:
    """A set of classes as text; the empty set is `NONE`.

    >>> joined(["Snacks", "Vegan"]), joined([])
    ('Snacks | Vegan', 'none of these')
    """
    return SEPARATOR.join(names) or NONE


def names_in(text: str) -> list[str]:
    """The names in a set of classes that was written as text, without duplicates.

    >>> names_in("Vegan|Snacks | Vegan"), names_in("none of these")
    (['Vegan', 'Snacks'], [])
    """
    names = dict.fromkeys(name.strip() for name in text.split(MARK))
    return [name for name in names if name and name != NONE]


def in_order(text: str, labels: LabelSet) -> str:
    """A set of classes as it is stored: present names, in the order of classes.

    Raises:
        UnknownNameError: a name is not a class.

    >>> in_order("Vegan|Snacks", LabelSet(("Snacks", "Vegan")))
    'Snacks | Vegan'
    """
    return joined(labels.names[c] for c in sorted({labels.index(name) for name in names_in(text)}))


def is_set_of(text: str, names: Sequence[str]) -> bool:
    """Whether the text is a set of these classes as it is stored, in their order.

    >>> is_set_of("a | b", ["a", "b"]), is_set_of("b | a", ["a", "b"]), is_set_of("", ["a", "b"])
    (True, False, False)
    """
    chosen = set(names_in(text))
    return text == joined(name for name in names if name in chosen)


def matrix_of(sets: Sequence[Sequence[int]], n_classes: int) -> Classes:
    """Sets of classes as `(texts, classes)` of 0 and 1.

    >>> matrix_of([[0, 2], []], 3).tolist()
    [[1, 0, 1], [0, 0, 0]]
    """
    matrix = np.zeros((len(sets), n_classes), dtype=np.int64)
    for row, classes in enumerate(sets):
        matrix[row, list(classes)] = 1
    return matrix


def refuse(pool_facts: Mapping[str, Any], what: str) -> None:
    """Refuse what cannot work where a text may have several classes.

    Raises:
        ConfigError: the pool has several classes per text.
    """
    if is_multilabel(pool_facts):
        raise ConfigError(
            f"{what} is for data with one class per text, and in this run a text may have several "
            "(data.layout.multilabel=true)"
        )
