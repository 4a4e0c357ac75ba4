"""Several classes per text in the files of other annotation tools.

Classes of a text are written as in `wsal.multilabel`; `none of these` is offered as a choice, since
tools do not tell a text of no class from one without an answer.
"""

from typing import Any

from wsal.labels import NONE
from wsal.multilabel import SEPARATOR, names_in

Record = dict[str, Any]
BETWEEN = "\x1f"
"""Between several labels of an answer in an export, until it is known whether that is allowed."""


def multilabel_task(task: Record, name: str) -> Record:
    """A tool's task whose suggestion is a set of classes."""
    if name == "label_studio":
        for prediction in task.get("predictions", ()):
            for choice in prediction["result"]:
                choice["value"] = {"choices": _choices(choice["value"]["choices"][0])}
    elif name == "argilla" and task["shown"]:
        task["shown"]["label"]["value"] = _choices(task["shown"]["label"]["value"])
    return task


def multilabel_setup(content: str, name: str) -> str:
    """The file that defines the classes, for several choices per text."""
    if name == "label_studio":
        return content.replace('choice="single"', 'choice="multiple"')
    if name == "argilla":
        return content.replace('"label_selection"', '"multi_label_selection"')
    return content


def _choices(guess: str) -> list[str]:
    return names_in(guess) or [NONE]


def checked(label: str, *, multilabel: bool) -> str:
    """The label of an answer in an export; several are written as in `wsal.multilabel`.

    Raises:
        ValueError: there are several, and a text has one class.
    """
    if BETWEEN in label and not multilabel:
        names = ", ".join(map(repr, label.split(BETWEEN)))
        raise ValueError(f"more than one label: {names}; leave one")
    return label.replace(BETWEEN, SEPARATOR)
