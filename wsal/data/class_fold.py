"""Every state of some classes under a sequence of edits, and what each name has come to mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wsal.changes import ClassEdit
from wsal.data.class_edits import MARK, check_step, classes_below, is_below, step_of
from wsal.errors import ConfigError

FORMER = re.compile(rf"(.+){re.escape(MARK)}(\d+)\)")


@dataclass
class Meaning:
    """What a name has meant since it was given: a class, or several."""

    name: str
    """Its newest own name."""
    classes: tuple[str, ...]
    """The classes that it stands for in the newest state."""
    node: str = ""
    """In a tree, its path while it is a node with classes below it."""
    ended: int = 0
    """The number of the edit since which it is neither a class nor a node; 0: it is one."""


@dataclass
class Folded:
    """Every state of the classes, and what each name has come to mean in the newest one."""

    states: list[tuple[str, ...]] = field(default_factory=list)
    """The classes in each state."""
    parents: list[dict[str, tuple[str, ...]]] = field(default_factory=list)
    """The names that stand for several classes, in each state."""
    names_at: list[dict[str, Meaning]] = field(default_factory=list)
    """Every name that an answer could have, in each state."""

    def meaning(self, name: str, state: int, aliases: Mapping[str, str]) -> Meaning | None:
        """What a name meant in a state; a name unknown there is looked up in the others."""
        if name in self.names_at[state]:
            return self.names_at[state][name]
        if (former := FORMER.fullmatch(name)) and 0 < (number := int(former[2])) <= state:
            return self.meaning(former[1], number - 1, {})
        for names in reversed(self.names_at[:state]):
            if name in names:
                return names[name]
        if aliases.get(name) in self.names_at[0]:
            return self.names_at[0][aliases[name]]
        for names in reversed(self.names_at[state + 1 :]):
            if name in names:
                return names[name]
        return None

    def shown(self, meaning: Meaning) -> str:
        """The name of a meaning in the newest state; a former name if it has none."""
        if not meaning.ended:
            return meaning.name
        return self.name_of(meaning.classes) or f"{meaning.name}{MARK}{meaning.ended})"

    def name_of(self, classes: Sequence[str]) -> str | None:
        """The name of some classes together in the newest state, if they have one."""
        if len(classes) == 1:
            return classes[0]
        wanted = set(classes)
        return next((n for n, own in self.parents[-1].items() if set(own) == wanted), None)


def fold(
    first: Sequence[str], edits: Sequence[ClassEdit], aliases: Mapping[str, str], *, tree: bool
) -> Folded:
    """All states of the classes, from the first one through every edit.

    Raises:
        ConfigError: an edit cannot be made, because the configured classes have changed since.
    """
    folded, meanings = Folded(), list[Meaning]()
    names = tuple(first)
    alive: dict[str, Meaning] = {name: Meaning(name, (name,)) for name in names}
    alive |= _nodes(names, {}, tree=tree)
    meanings += alive.values()
    _record(folded, names, alive, meanings)
    for number, recorded in enumerate(edits, 1):
        edit = _with_present_names(recorded, folded.names_at[-1], aliases)
        try:
            check_step(names, edit, folded.parents[-1], tree=tree)
        except ConfigError as error:
            raise ConfigError(f"edit {number} of the classes ({words(edit)}): {error}") from error
        step = step_of(names, edit)
        added = edit.names[0] if edit.action == "add" else ""
        for each in meanings:
            if edit.action == "split" and tree and each.classes == edit.names:
                each.node = each.node or edit.names[0]
            each.node = step.path(each.node)
            became = (step.became.get(name, (name,)) for name in each.classes)
            each.classes = tuple(dict.fromkeys(name for new in became for name in new))
            if each.node and is_below(added, each.node):
                each.classes = (*each.classes, added)
        before, alive = alive, {}
        back = {new[0]: old for old, new in step.became.items()} if step.is_renaming else {}
        for name in step.names:
            same = before.get(back.get(name, name))
            is_same = same is not None and same.classes == (name,) and not same.node
            is_new = name in edit.into and not step.is_renaming  # also if an old one had its name
            kept = same if is_same and not is_new else None
            alive[name] = kept or Meaning(name, (name,))
            alive[name].name = name
        by_node = {each.node: each for each in before.values() if each.node}
        alive |= _nodes(step.names, by_node, tree=tree)
        known = set(map(id, alive.values()))
        for each in before.values():
            each.ended = 0 if id(each) in known else number
        paths = classes_below(step.names)
        for each in meanings:
            each.node = each.node if each.node in paths else ""  # another may be named so one day
        known = set(map(id, meanings))
        meanings += [each for each in alive.values() if id(each) not in known]
        names = step.names
        _record(folded, names, alive, meanings)
    return folded


def words(edit: ClassEdit) -> str:
    """An edit in words.

    >>> words(ClassEdit("merge", ("Mugs", "Cups"), ("Mugs",)))
    'merge Mugs and Cups into Mugs'
    """
    names, into = " and ".join(edit.names), " and ".join(edit.into)
    return f"{edit.action} {names}" + (f" {_PREPOSITIONS[edit.action]} {into}" if into else "")


_PREPOSITIONS = {"rename": "to", "move": "to", "merge": "into", "split": "into"}


def _nodes(
    names: Sequence[str], before: Mapping[str, Meaning], *, tree: bool
) -> dict[str, Meaning]:
    """The nodes of the tree; one that stands for other classes than before is a new one."""
    nodes = {}
    for path, below in classes_below(names).items() if tree else ():
        same = before.get(path)
        is_same = same is not None and set(same.classes) == set(below)
        nodes[path] = same if same is not None and is_same else Meaning(path, below, path)
        nodes[path].name = path
    return nodes


def _record(
    folded: Folded, names: tuple[str, ...], alive: Mapping[str, Meaning], meanings: list[Meaning]
) -> None:
    """Add a state: its classes, its parents, and every name that an answer may have in it."""
    classes = set(names)
    parents = {name: each.classes for name, each in alive.items() if name not in classes}
    names_at = dict(alive)
    sets = {frozenset(classes) for classes in parents.values()}
    for each in meanings:
        if not each.ended or len(each.classes) < 2 or frozenset(each.classes) in sets:
            continue
        sets.add(frozenset(each.classes))
        is_taken = each.name in names_at
        name = f"{each.name}{MARK}{each.ended})" if is_taken else each.name
        parents[name] = each.classes
        names_at[name] = each
    folded.states.append(names)
    folded.parents.append(parents)
    folded.names_at.append(names_at)


def _with_present_names(
    edit: ClassEdit, known: Mapping[str, Meaning], aliases: Mapping[str, str]
) -> ClassEdit:
    """The edit with the names that its classes have in the configuration now."""
    if edit.action == "add":
        return edit
    names = tuple(n if n in known else aliases.get(n, n) for n in edit.names)
    return ClassEdit(edit.action, names, edit.into)
