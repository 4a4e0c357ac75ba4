"""From an edit as people type it to whole names: in a class tree, short names become paths."""

from dataclasses import dataclass

from wsal.changes import ClassEdit
from wsal.class_tree import SEPARATOR
from wsal.data.class_edits import classes_below
from wsal.data.class_history import ClassHistory
from wsal.data.taxonomy import normal_path, parent_of
from wsal.errors import ConfigError, did_you_mean
from wsal.text import clean_text


@dataclass(frozen=True)
class Typed:
    """An edit in the words of the command line."""

    action: str
    names: tuple[str, ...]
    into: tuple[str, ...] = ()
    under: str | None = None


def edit_of(classes: ClassHistory, typed: Typed) -> ClassEdit:
    """The edit with the whole names of classes.

    Classes and nodes of a tree go by their paths, by former names, and by the last name of their
    path where only one has it. A node stands for all classes below it where these are merged or
    removed.

    Raises:
        ConfigError: a name is unknown.
    """
    if typed.under is not None and not classes.is_tree:
        raise ConfigError(
            "these classes have no tree, so none lies under another; leave --under out"
        )
    if typed.action == "add":
        under = _place(classes, typed.under or "")
        return ClassEdit("add", tuple(_below(classes, under, name) for name in typed.names))
    names = tuple(_known(classes, name) for name in typed.names)
    parent = parent_of(names[0]) if classes.is_tree else ""
    if typed.action == "rename":
        return ClassEdit("rename", names, (_below(classes, parent, typed.into[0]),))
    if typed.action == "move":
        last = names[0].rpartition(SEPARATOR)[2]
        return ClassEdit(
            "move", names, (_below(classes, _place(classes, typed.under or ""), last),)
        )
    if typed.action == "split":
        parts = tuple(_below(classes, names[0], name) for name in typed.into)
        return ClassEdit("split", names, parts)
    every = tuple(dict.fromkeys(n for name in names for n in _classes_of(classes, name)))
    if typed.action == "remove":
        return ClassEdit("remove", every)
    known = _lookup(classes, typed.into[0])
    into = known if known in (*names, *every) else _below(classes, parent, typed.into[0])
    return ClassEdit("merge", every, (into,))


def _lookup(classes: ClassHistory, name: str) -> str:
    """The class or node that a name means now; the cleaned name if there is none."""
    name = (normal_path(name) if classes.is_tree else clean_text(name)) or ""
    known = [*classes.names, *classes.parents]
    if name in known:
        return name
    if (present := classes.present(name, classes.edits)) in known:
        return present
    same = [path for path in known if classes.is_tree and path.rpartition(SEPARATOR)[2] == name]
    return same[0] if len(same) == 1 else name


def _known(classes: ClassHistory, name: str) -> str:
    whole = _lookup(classes, name)
    if whole in (*classes.names, *classes.parents):
        return whole
    is_former = classes.is_former(classes.present(whole, classes.edits))
    former = " any more" if is_former else ""
    known = [*classes.names, *(classes_below(classes.names) if classes.is_tree else ())]
    raise ConfigError(f"there is no class {name!r}{former}{did_you_mean(name, known)}")


def _place(classes: ClassHistory, node: str) -> str:
    """The path of the node that something is put under; empty for the top of the tree."""
    if not node:
        return ""
    path = _lookup(classes, node)
    if path not in classes.parents:
        reason = (
            "is a class, not a parent; split it instead"
            if path in classes.names
            else "is not in the class tree"
        )
        raise ConfigError(f"{node!r} {reason}{did_you_mean(node, classes_below(classes.names))}")
    return path


def _below(classes: ClassHistory, parent: str, name: str) -> str:
    """The whole name of something new: in a tree, a single name lies below `parent`."""
    if not classes.is_tree:
        return clean_text(name) or ""
    path = normal_path(name)
    return f"{parent}{SEPARATOR}{path}" if parent and SEPARATOR not in path else path


def _classes_of(classes: ClassHistory, name: str) -> tuple[str, ...]:
    return (name,) if name in classes.names else classes.parents[name]
