"""What follows the classes when they are edited: gold labels, descriptions, facts of the pool."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from wsal.changes import ClassEdit
from wsal.data.base import Layout
from wsal.data.class_history import ClassHistory, introduced
from wsal.data.keys import NONE
from wsal.data.records import label_set, present_names, tree_of
from wsal.errors import DataError, did_you_mean, in_words, nearest
from wsal.guidelines import followed
from wsal.labels import NONE as NO_CLASS
from wsal.labels import LabelSet


def history_of(
    examples: pl.DataFrame, layout: Layout, edits: Sequence[ClassEdit] = ()
) -> ClassHistory:
    """The classes that are configured, or those of the gold labels, and their edits.

    Args:
        examples: records with gold labels, columns `id`, `text`, `label`.
        layout: of the source.
        edits: of the classes.

    Raises:
        DataError: the configured classes cannot be used; see `label_set`.
    """
    # A source may have gold labels of classes that edits made: these are no classes of its own.
    own = examples.filter(~pl.col("label").is_in(list(introduced(edits))))
    own = own if edits else examples
    labels, tree = label_set(own, layout), tree_of(layout, own["label"])
    aliases = present_names(layout, tree)
    return ClassHistory(labels.names, tuple(edits), tree is not None, aliases)


def label_set_of(history: ClassHistory) -> LabelSet:
    """The present classes, and the other names that mean one of them."""
    return replace(configured_labels(history), configured={})


def configured_labels(history: ClassHistory) -> LabelSet:
    """The present classes, for names in rules and settings; see `LabelSet.of_configuration`."""
    answers = {*history.names, *history.parents}
    if not history.edits:
        return LabelSet(history.names, history.parents, history.aliases)
    former, first = history.present_names(history.edits), history.present_names()
    return LabelSet(
        history.names,
        history.parents,
        {old: new for old, new in former.items() if old not in answers and new in answers},
        {old: new if new in answers else None for old, new in first.items()},
    )


def gold_codes(history: ClassHistory, names: Iterable[str]) -> list[int]:
    """The code of each gold label of the source; `NONE` if its class was removed."""
    labels = label_set_of(history)
    known = {name: labels.code(name) for name in labels.answers}
    return [known.get(history.present(name), NONE) for name in names]


def unknown_labels(history: ClassHistory, names: Iterable[str]) -> dict[str, str]:
    """Gold labels of a batch that do not name a present or a former class.

    Each is a key; its value is the problem in words, with a class of a similar name.
    """
    known = {*history.names, NO_CLASS, *history.parents}
    present = {name: history.present(name) for name in names}
    return {
        name: f"the label {name!r} is not a class of this run{nearest(name, history.names)}"
        for name, now in present.items()
        if now not in known and not history.is_former(now)
    }


def check_batch_labels(history: ClassHistory, names: Iterable[str], file: str, advice: str) -> None:
    """Check that each label in a batch is the name of a present or a former class.

    Raises:
        DataError: some are not; the message names them, and ends with `advice`.
    """
    if unknown := unknown_labels(history, names):
        raise DataError(
            f"{file}: {in_words(list(unknown.values()))}{known_classes(history)}{advice}"
        )


def known_classes(history: ClassHistory) -> str:
    """The end of a message about labels that are not classes: the classes, and how to add one."""
    known = did_you_mean("", history.names).removeprefix(";")
    return f";{known}; to add a class: wsal classes add RUN NAME"


def class_facts(history: ClassHistory, layout: Layout) -> dict[str, Any]:
    """What the pool keeps of its classes and their history."""
    descriptions = {} if layout.tree is None else layout.tree.descriptions
    facts: dict[str, Any] = {"labels": list(history.names), "renamed": dict(history.aliases)}
    if history.is_tree:
        facts |= {"parents": history.parents, "descriptions": descriptions}
    if not history.edits:
        return facts
    labels = configured_labels(history)
    return facts | {
        "parents": history.parents,
        "descriptions": followed(descriptions, labels),
        "renamed": labels.aliases,
        "configured": labels.configured,
        "edits": [edit.as_node() for edit in history.edits],
        "first_classes": {
            "labels": list(history.first),
            "tree": history.is_tree,
            "renamed": dict(history.aliases),
        },
    }
