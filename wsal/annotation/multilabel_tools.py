"""Several classes per text in the files of other annotation tools.

Classes of a text are written as in `wsal.multilabel`; `none of these` is offered as a choice, since
tools do not tell a text of no class from one without an answer.
"""

from collections.abc import Mapping
from typing import Any

from wsal.labels import NONE, LabelSet
from wsal.multilabel import MARK, SEPARATOR, names_in
from wsal.text import clean_text

Record = dict[str, Any]
BETWEEN = "\x1f"
"""Between several labels of an answer in an export, until it is known whether that is allowed."""


def with_none(labels: LabelSet) -> LabelSet:
    """The classes and `none of these`."""
    return LabelSet((*labels.names, NONE))


def several_in_task(task: Record, name: str) -> Record:
    """A tool's task whose suggestion is a set of classes."""
    if name == "label_studio":
        for prediction in task.get("predictions", ()):
            for choice in prediction["result"]:
                choice["value"] = {"choices": _choices(choice["value"]["choices"][0])}
    elif name == "argilla" and task["shown"]:
        task["shown"]["label"]["value"] = _choices(task["shown"]["label"]["value"])
    return task


def several_in_setup(content: str, name: str) -> str:
    """The file that defines the classes, for several choices per text."""
    if name == "label_studio":
        return content.replace('choice="single"', 'choice="multiple"')
    if name == "argilla":
        return content.replace('"label_selection"', '"multi_label_selection"')
    return content


def set_in(label: str, labels: LabelSet, renamed: Mapping[str, str]) -> tuple[str, list[str]]:
    """A set of classes in a cell or an export as it is stored, and the names that are no class.

    >>> set_in("snacks|Vegan", LabelSet(("Snacks", "Vegan")), {})
    ('Snacks | Vegan', [])
    """
    known = {clean_text(name) or name: name for name in labels.names} | dict(renamed)
    folded: dict[str, set[str]] = {}
    for old, new in known.items():
        folded.setdefault(old.casefold(), set()).add(new)
    chosen, unknown = set[int](), list[str]()
    for part in label.split(MARK):
        name = clean_text(part) or ""
        if not name or name.casefold() == NONE:
            continue
        same = {known[name]} if name in known else folded.get(name.casefold(), set())
        if len(same) == 1:
            chosen.add(labels.index(same.pop()))
        else:
            unknown.append(name)
    written = f" {MARK} ".join(labels.names[c] for c in sorted(chosen))
    return written or NONE, unknown


def _choices(guess: str) -> list[str]:
    return names_in(guess) or [NONE]


def checked(label: str, *, several: bool) -> str:
    """The label of an answer in an export; several are written as in `wsal.multilabel`.

    Raises:
        ValueError: there are several, and a text has one class.
    """
    if BETWEEN in label and not several:
        names = ", ".join(map(repr, label.split(BETWEEN)))
        raise ValueError(f"more than one label: {names}; leave one")
    return label.replace(BETWEEN, SEPARATOR)
