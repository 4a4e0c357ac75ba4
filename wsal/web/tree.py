"""The classes as the page gets them. A class tree is sent once, not with every state."""

from collections.abc import Mapping
from typing import Any

from wsal.annotation.open_round import OpenRound
from wsal.class_tree import TOP


def classes_in_state(texts: OpenRound, guidelines: Mapping[str, str]) -> dict[str, Any]:
    """The classes of a flat pool; of a class tree, only the digest."""
    if texts.tree.is_flat:
        flat = {"labels": texts.labels, "guidelines": texts.about_classes(guidelines)}
        return flat | {"multilabel": texts.multilabel}
    return {"tree": texts.tree_digest}


def tree_for_page(texts: OpenRound, guidelines: Mapping[str, str]) -> dict[str, Any]:
    """The nodes of the class tree: their names, short names, and positions of their parents.

    The position is -1 at the top. `guidelines` say what belongs in a node.
    """
    tree = texts.tree
    nodes = [
        [name, tree.short(name), -1 if parent == TOP else tree.number[parent]]
        for name, parent in tree.parent.items()
    ]
    about = texts.about_classes(guidelines)
    return {"version": texts.tree_digest, "nodes": nodes, "guidelines": about}
