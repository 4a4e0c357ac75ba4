"""`annotator=terminal`: the page's keys without a browser, for those on ssh."""

import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from rich.columns import Columns
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from wsal.annotation.annotators import Query
from wsal.annotation.collect import collected_answers, queue_of
from wsal.annotation.guidelines import check_guidelines, guidelines_content, read_guidelines
from wsal.annotation.journal import (
    ANSWER,
    FINISH,
    FLAG,
    NOTE,
    RECHECK,
    SETTLE,
    SKIP,
    UNDO,
    UNSURE,
    Event,
)
from wsal.annotation.keyboard import Read, keys
from wsal.annotation.open_round import Item
from wsal.annotation.task_queue import TaskQueue
from wsal.errors import AnnotationError
from wsal.settings import Share

KEYS = "123456789bchijklmopqrtwxyz"  # those of the page: letters that are no command
HELP = "u undo  s skip  ? unsure  f flag  n note  v guess and votes  d together  / find  e end"


@dataclass(frozen=True)
class Terminal:
    """One person at this terminal; answers go into the same journal as the page's."""

    name: str = "me"
    """Who answers."""
    guidelines: str | None = None
    """A YAML file from class to what belongs there, shown beside the classes."""
    blind: Share = 0.15
    """Share of texts on which guess and votes cannot be shown."""
    again: Share = 0.0
    """Share of texts that are asked a second time."""

    human = True

    def __post_init__(self) -> None:
        check_guidelines(self.guidelines)

    def content(self) -> Mapping[str, str]:
        """The digest of the guidelines; answers that were given by older ones are kept."""
        return guidelines_content(self.guidelines)

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """Ask for each text in turn; a kill loses nothing, the same command goes on.

        Raises:
            AnnotationError: standard input is no terminal.
        """
        if not sys.stdin.isatty():
            raise AnnotationError(
                "annotator=terminal reads keys, and standard input is no terminal; "
                "use annotator=web, or annotator=file"
            )
        desk = queue_of(query, self.blind, 0.0, self.again)
        with keys() as read:
            Asking(desk, self.name, read_guidelines(self.guidelines), read).round()
        return collected_answers(desk, query)


@dataclass
class Asking:
    """A round asked text by text."""

    desk: TaskQueue
    name: str
    guidelines: dict[str, str]
    read: Read
    console: Console = field(default_factory=lambda: Console(highlight=False))
    open: bool = False  # guess and votes are shown
    together: bool = True
    said: str = ""

    def round(self) -> None:
        """Ask until everything is decided, or the round was ended."""
        self.desk.refresh()
        back: str | None = None
        while not self.desk.finished():
            back = self._ask(*self._following(back))
            if self.desk.due():
                self.desk.rank()

    def _following(self, back: str | None) -> tuple[Item, str]:
        """The text that comes next, and what an answer to it is."""
        if back is not None:
            return self.desk.round.items[back], ANSWER
        if found := self.desk.next(self.name, 1, []):
            return self.desk.round.items[found[0][0]], RECHECK if found[0][1] else ANSWER
        decided = self.desk.decided()
        if ties := self.desk.ties(decided):
            return self.desk.round.items[ties[0]], SETTLE
        left = self.desk.open_ids(decided)[0]  # somebody else's lease, on another machine
        return self.desk.round.items[left], ANSWER

    def _ask(self, item: Item, kind: str) -> str | None:
        """One decision; gives back the text that an undo put on the desk again."""
        since, labels = time.monotonic(), self.desk.round.labels
        while True:
            self._draw(item, kind)
            key, self.said = self.read(), ""
            label = labels[KEYS.index(key)] if key and key in KEYS[: len(labels)] else None
            if key == "/":
                label = self._find()
            if label is not None:
                self._write(kind, item, label, time.monotonic() - since)
                return None
            if key in ("s", "?") and kind == ANSWER:
                self._write(SKIP if key == "s" else UNSURE, item, None, time.monotonic() - since)
                return None
            if key == "u":
                self._event(UNDO)
                return self.desk.undone(self.name)
            if key == "e" and self._ended():
                return None
            self._other(key, item)

    def _other(self, key: str, item: Item) -> None:
        if key == "v":
            self.open = not self.open
        elif key == "d":
            self.together = not self.together
        elif key == "f":
            self._event(FLAG, item.id)
            self.said = "flagged"
        elif key == "n" and (note := self._line("note: ")):
            self._event(NOTE, item.id, note=note)
            self.said = "note kept"

    def _ended(self) -> bool:
        """Whether the round was ended."""
        if not self.desk.enough(self.desk.decided()):
            self.said = "there is nothing to learn from yet: answer a few texts first"
            return False
        self.console.print("press e again to end the round: what is open stays unanswered")
        if self.read() != "e":
            return False
        self._event(FINISH)
        return True

    def _find(self) -> str | None:
        words = self._line("find a class: ").lower().split()
        found = [x for x in self.desk.round.labels if all(word in x.lower() for word in words)]
        if not words or not found:
            self.said = "no class is called so" if words else ""
            return None
        return min(found, key=lambda x: not x.lower().startswith(words[0]))

    def _line(self, prompt: str) -> str:
        """A line of text, read key by key; Escape leaves it."""
        line = ""
        while True:
            self.console.print(f"\r{prompt}{line} ", end="", markup=False)
            key = self.read()
            if key in ("\r", "\n", "\x1b", ""):
                self.console.print()
                return "" if key == "\x1b" else line.strip()
            line = line[:-1] if key in ("\x7f", "\b") else line + key

    def _write(self, kind: str, item: Item, label: str | None, seconds: float) -> None:
        alike = [one for one in item.alike if one not in self.desk.decided()]
        ids = [item.id, *(alike if self.together and kind == ANSWER else [])]
        key, shown = uuid.uuid4().hex, "guess,votes" if self.open and not item.blind else ""
        self.desk.append([
            Event(f"{key}.{n}", kind, self.name, self.desk.round.number, one, label,
                  seconds / len(ids), shown, "")
            for n, one in enumerate(ids)
        ])  # fmt: skip

    def _event(self, kind: str, one: str = "", note: str = "") -> None:
        key, number = f"{uuid.uuid4().hex}.0", self.desk.round.number
        self.desk.append([Event(key, kind, self.name, number, one, None, None, "", note)])

    def _draw(self, item: Item, kind: str) -> None:
        decided = self.desk.decided()
        n, n_open = len(self.desk.round.items), len(self.desk.open_ids(decided))
        title = f"round {self.desk.round.number}: {n - n_open} of {n}"
        parts = [Text(item.text, style="bold")]
        if len(item.fields) > 1:
            parts += [Text(f"{name}: {value}") for name, value in item.fields.items()]
        if kind == SETTLE:
            said = ", ".join(f"{w}: {e.label or e.kind}" for w, e in decided[item.id].items())
            parts.append(Text(f"people disagree: {said}", style="yellow"))
        if item.alike and kind == ANSWER:
            how = "together with" if self.together else "apart from"
            parts.append(Text(f"{how} {len(item.alike)} near-duplicates", style="dim"))
        if kind == RECHECK:
            parts.append(Text("asked again", style="dim"))
        elif not item.blind:  # the reason tells which texts measure
            parts.append(Text(f"why: {item.reason}", style="dim"))
        if self.open and not item.blind and kind != RECHECK:
            votes = "; ".join(f"{rule}: {label}" for rule, label in item.votes) or "none"
            parts.append(Text(f"guess: {item.guess} ({item.confidence:.2f})  votes: {votes}"))
        elif self.open:
            parts.append(Text("guess and votes stay hidden on this text", style="dim"))
        classes = [
            Text(f"{KEYS[n] if n < len(KEYS) else ' '} {label}"
                 + (f": {self.guidelines[label]}" if label in self.guidelines else ""))
            for n, label in enumerate(self.desk.round.labels)
        ]  # fmt: skip
        self.console.clear()
        columns = Columns(classes, padding=(0, 3), column_first=True)
        self.console.print(Panel(Group(*parts), title=title, title_align="left"), columns)
        self.console.print(Text(f"{HELP}\n{self.said}", style="dim"))
