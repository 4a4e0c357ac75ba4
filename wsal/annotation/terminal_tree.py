"""A class tree at the terminal: keys open parents and go up, or people type part of a path."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.text import Text

from wsal.annotation.keyboard import DOWN, ESCAPE, LEFT, UP, ReadKey
from wsal.annotation.terminal_screen import KEYS
from wsal.class_tree import SEPARATOR, TOP, ClassTree

BACK = ("\x7f", "\b", LEFT)  # keys that go up
STOP = "."
HELP_TREE = "Backspace up  . stop here"
LISTED = 12  # nodes for what was typed


@dataclass
class TreeWalk:
    """Where somebody is in a class tree."""

    tree: ClassTree
    at: str = TOP

    def press(self, key: str) -> str | None:
        """The answer that a key stands for; None if it moves, or means nothing here."""
        children = self.tree.children[self.at]
        if key in BACK and self.at != TOP:
            self.at = self.tree.parent[self.at]
        elif key == STOP and self.at != TOP:
            return self.at
        elif key and key in KEYS[: len(children)]:
            return self.take(children[KEYS.index(key)])
        return None

    def take(self, name: str) -> str | None:
        """The name as an answer if it is a class; a parent is opened."""
        if name not in self.tree.children:
            return name
        self.at = name
        return None

    def find(self, read_key: ReadKey, console: Console, asked: str) -> str | None:
        """Let somebody type part of a path and choose; the answer if that is a class.

        `asked` is the text that is asked about.
        """
        typed, mark = "", 0
        while True:
            matches = matching_nodes(self.tree, typed)[:LISTED] if typed.strip() else []
            mark = min(mark, max(0, len(matches) - 1))
            lines = [Text(asked, style="bold"), Text(f"find a class: {typed}")]
            for number, name in enumerate(matches):
                inner = " >" if name in self.tree.children else ""
                chosen = number == mark
                style, arrow = ("reverse", ">") if chosen else ("", " ")
                lines.append(Text(f"{arrow} {self.tree.path(name)}{inner}", style=style))
            help_line = "arrows move  Enter answers with a class or opens a parent  Esc closes"
            console.clear()
            console.print(Group(*lines, Text(help_line, style="dim")))
            key = read_key()
            if key in (ESCAPE, ""):
                return None
            if key in ("\r", "\n"):
                return self.take(matches[mark]) if matches else None
            if key in (UP, DOWN):
                mark = max(0, mark + (1 if key == DOWN else -1))
            elif key in ("\x7f", "\b"):
                typed, mark = typed[:-1], 0
            elif not key.startswith(ESCAPE):
                typed, mark = typed + key, 0

    @property
    def help(self) -> str:
        """What the keys do that are there for a tree only."""
        return "" if self.tree.is_flat else f"{HELP_TREE}  "

    def lines(self, about: Mapping[str, str]) -> list[Text]:
        """Where the person is, and what belongs there; nothing where all classes are at the top."""
        if self.tree.is_flat:
            return []
        path = self.tree.path(self.at) if self.at != TOP else ""
        lines = [Text(SEPARATOR.join(filter(None, ["All classes", path])), style="bold")]
        if self.at in about:
            lines.append(Text(about[self.at], style="dim"))
        return lines

    def children(self, about: Mapping[str, str], chosen: Collection[str] = ()) -> Iterator[Text]:
        """The key of each child, its name, and what belongs in it if it is a class.

        Classes that are `chosen`, where a text may have several, stand out.
        """
        for number, name in enumerate(self.tree.children[self.at]):
            key = KEYS[number] if number < len(KEYS) else " "
            if name in self.tree.children:
                yield Text(f"{key} {self.tree.short(name)} >")
            else:
                text = f": {about[name]}" if name in about else ""
                mark, style = ("* ", "bold") if name in chosen else ("", "")
                yield Text(f"{key} {mark}{self.tree.short(name)}{text}", style=style)


def matching_nodes(tree: ClassTree, typed: str) -> list[str]:
    """The nodes with all typed words in their paths, the best first.

    Those come first whose own name begins with what was typed, as whole words or not, then those
    where each typed word begins a word, the last one in the own name.

    >>> from wsal.labels import LabelSet
    >>> names = ("Food > Tea", "Food > Tea pots", "Pets")
    >>> tree = ClassTree.of(LabelSet(names, {"Food": names[:2]}))
    >>> matching_nodes(tree, "tea"), matching_nodes(tree, "foo pot")
    (['Food > Tea', 'Food > Tea pots'], ['Food > Tea pots'])
    """
    wanted = typed.strip().lower()
    words = wanted.replace(">", " ").split()
    ranked = []
    for name in tree.nodes:
        path, own = tree.path(name).lower(), tree.short(name).lower()
        if all(word in path for word in words):
            of_path = _begin(words, path)
            rank = [f"{own} ".startswith(f"{wanted} "), own.startswith(wanted), _begin(words, own)]
            rank += [of_path and _begin(words[-1:], own), of_path, True]
            ranked.append((rank.index(True), len(path), name))
    return [name for _, _, name in sorted(ranked)]


def _begin(words: list[str], text: str) -> bool:
    """Whether each of these begins a word of the text."""
    return all(f" {word}" in f" {text}" for word in words)


def best_match(typed: str, labels: Sequence[str]) -> str | None:
    """The class with all typed words that begins with the first, if any does; "" if none matches.

    None if nothing was typed.
    """
    words = typed.lower().split()
    if not words:
        return None
    matches = [label for label in labels if all(word in label.lower() for word in words)]
    return min(matches, key=lambda label: not label.lower().startswith(words[0]), default="")
