"""What one edit does to the names of the classes, and which edits can be made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wsal.changes import ClassEdit
from wsal.class_tree import SEPARATOR
from wsal.errors import ConfigError, did_you_mean
from wsal.labels import NONE, SKIPS

MARK = " (before edit "
"""Between a former name and the number of the edit that ended it, where it needs a name now."""


@dataclass(frozen=True)
class Step:
    """One edit of the classes: what became of each."""

    names: tuple[str, ...]
    """The classes after it."""
    became: Mapping[str, tuple[str, ...]]
    """Class before it -> classes after it, for each that changed."""
    moved: tuple[str, str] = ("", "")
    """In a tree, the path of a renamed or moved node before and after it."""

    @property
    def is_renaming(self) -> bool:
        """Whether the classes stay what they are, under other names."""
        return bool(self.moved[0])

    def path(self, path: str) -> str:
        """The path of a node after the edit."""
        before, after = self.moved
        is_below = bool(before) and (path == before or path.startswith(before + SEPARATOR))
        return after + path[len(before) :] if is_below else path


def step_of(names: Sequence[str], edit: ClassEdit) -> Step:
    """What an edit does to these classes; it was checked."""
    if edit.action == "add":
        return Step((*names, *edit.names), {})
    if edit.action in ("rename", "move"):
        step = Step(tuple(names), {}, (edit.names[0], edit.into[0]))
        paths = {name: step.path(name) for name in names}
        renamed = {old: (new,) for old, new in paths.items() if old != new}
        return Step(_replaced(names, renamed), renamed, step.moved)
    became: dict[str, tuple[str, ...]] = dict.fromkeys(edit.names, edit.into)
    return Step(_replaced(names, became), became)


def classes_below(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The classes below each node of their tree, parents before their children.

    >>> classes_below(["Food > Tea", "Pets"])
    {'Food': ('Food > Tea',)}
    """
    below: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(SEPARATOR)
        for n in range(1, len(parts)):
            below.setdefault(SEPARATOR.join(parts[:n]), []).append(name)
    return {path: tuple(own) for path, own in below.items()}


def is_below(name: str, node: str) -> bool:
    """Whether a path lies below a node."""
    return name.startswith(node + SEPARATOR)


def check_step(
    names: Sequence[str], edit: ClassEdit, parents: Mapping[str, Sequence[str]], *, tree: bool
) -> None:
    """Check that an edit can be made.

    Args:
        names: the classes before it.
        edit: the edit, with whole paths in a tree.
        parents: names that stand for several classes, and these.
        tree: whether the classes form a tree.

    Raises:
        ConfigError: it cannot be made; the message says why, and what to do instead.
    """
    nodes = classes_below(names) if tree else {}
    created = edit.names if edit.action == "add" else edit.into
    known = {*names, *nodes} if edit.action in ("rename", "move") else set(names)
    for name in () if edit.action == "add" else edit.names:
        _require_known(name, known, nodes)
    for name in created:
        _require_usable(name)
    _require_sense(edit, tree=tree)
    taken = {*names, *nodes, *parents}
    if edit.action == "merge":  # the name may be that of what is merged, or of all of it together
        taken -= {*edit.names, *(p for p, own in parents.items() if set(own) <= set(edit.names))}
    for name in created:
        _require_free(name, taken, edit)
    step = step_of(names, edit)
    _require_tree(step.names, edit, tree=tree)
    if len(step.names) < 2:
        raise ConfigError(
            f"only {len(step.names)} class would be left, and a classifier needs at least two; "
            "add another class first"
        )


def _replaced(names: Sequence[str], became: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The classes with what became of some of them in their place, each once."""
    return tuple(dict.fromkeys(new for name in names for new in became.get(name, (name,))))


def _require_known(name: str, known: Iterable[str], nodes: Iterable[str]) -> None:
    if name in known:
        return
    if name in nodes:
        raise ConfigError(f"{name!r} is a parent, not a class; name its classes")
    raise ConfigError(f"there is no class {name!r}{did_you_mean(name, known)}")


def _require_sense(edit: ClassEdit, *, tree: bool) -> None:
    """Check what can be said of an edit without knowing the classes."""
    if edit.action == "move" and not tree:
        raise ConfigError(
            "only classes and parents in a class tree can be moved; these classes have no tree"
        )
    if len(set(edit.into)) < len(edit.into) or len(set(edit.names)) < len(edit.names):
        raise ConfigError(
            f"a name occurs twice in {[*edit.names, *edit.into]}; give each name once"
        )
    if edit.action == "split" and len(edit.into) < 2:
        raise ConfigError(f"name at least two classes to split {edit.names[0]!r} into")
    if edit.action == "merge" and len(edit.names) < 2:
        raise ConfigError(f"name at least two classes to merge; {edit.names[0]!r} is only one")
    if edit.action in ("rename", "move") and edit.names == edit.into:
        raise ConfigError(f"{edit.names[0]!r} already has this name and this parent")
    if edit.action == "move" and is_below(edit.into[0], edit.names[0]):
        raise ConfigError(f"{edit.names[0]!r} cannot be moved below itself")


def _require_usable(name: str) -> None:
    if not name or not all(part.strip() for part in name.split(SEPARATOR)):
        raise ConfigError(f"the name {name!r} is empty or has an empty part; write the whole name")
    if name in (NONE, *SKIPS):
        raise ConfigError(f"{name!r} has another meaning in answers; choose another name")
    if MARK in name:
        raise ConfigError(f"{name!r} looks like a former name; choose one without {MARK.strip()!r}")


def _require_free(name: str, taken: set[str], edit: ClassEdit) -> None:
    if name not in taken:
        return
    advice = "choose another name"
    if edit.action == "rename":
        advice = f"to make one class of both, merge them: merge {edit.names[0]!r} {name!r}"
    if edit.action == "split":
        advice = "split into new names, and merge the new class with the existing one afterwards"
    if edit.action == "merge":
        advice = "merge this class, too, or choose another name"
    raise ConfigError(f"the name {name!r} is taken; {advice}")


def _require_tree(names: Sequence[str], edit: ClassEdit, *, tree: bool) -> None:
    """In a tree, no class may lie below another; the parts of a split lie below what was split."""
    if not tree:
        return
    if edit.action == "split":
        for name in edit.into:
            if not is_below(name, edit.names[0]):
                raise ConfigError(
                    f"in a class tree, {edit.names[0]!r} is split into classes below it; "
                    f"{name!r} lies elsewhere; split first, then move the new class"
                )
    classes = set(names)
    for path in classes_below(names):
        if path in classes:
            raise ConfigError(
                f"the class {path!r} would have other classes below it; split it instead "
                f"(split {path!r} into ...), or choose another place"
            )
