"""`annotator=terminal`: the page's keys without a browser, for example over ssh."""

import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from rich.columns import Columns
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from wsal.annotation import terminal_screen as screen
from wsal.annotation.collect import collected_answers, open_queue
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
from wsal.annotation.keyboard import ReadKey, keys
from wsal.annotation.multilabel_keys import pressed
from wsal.annotation.open_round import Item
from wsal.annotation.query import Query
from wsal.annotation.questions import CLASS, DEPENDS, NOT_ALL
from wsal.annotation.task_queue import TaskQueue
from wsal.annotation.terminal_tree import TreeWalk, best_match
from wsal.errors import AnnotationError
from wsal.guidelines import check_guidelines, guidelines_content, read_guidelines
from wsal.labels import NONE
from wsal.settings import Share


@dataclass(frozen=True)
class Terminal:
    """One person at this terminal; answers go into the same journal as the page's.

    Raises:
        ConfigError: the file of guidelines does not exist.
    """

    name: str = "me"
    """Who answers."""
    guidelines: str | None = None
    """A YAML file from class to what belongs there, shown beside the classes."""
    blind: Share = 0.15
    """Share of texts on which guess and votes cannot be shown."""
    recheck: Share = 0.0
    """Share of texts that are asked a second time, to measure how consistent the person is."""

    human = True
    keeps_journal = True
    asks = ("text", "word", "class", "group")

    def __post_init__(self) -> None:
        check_guidelines(self.guidelines)

    def content(self) -> Mapping[str, str]:
        """The digest of the guidelines; answers given under older ones are kept."""
        return guidelines_content(self.guidelines)

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """Ask about each text in turn. A kill loses nothing: the same command continues.

        Raises:
            AnnotationError: standard input is not a terminal, or was closed.
        """
        if not sys.stdin.isatty():
            raise AnnotationError(
                "annotator=terminal reads single keys, but standard input is not a terminal; "
                "use annotator=web or annotator=file"
            )
        queue = open_queue(query, self.blind, overlap=0.0, recheck=self.recheck)
        with keys() as read_key:
            TerminalRound(queue, self.name, read_guidelines(self.guidelines), read_key).run()
        queue.close()
        return collected_answers(queue, query)


@dataclass
class TerminalRound:
    """A round that is asked text by text."""

    queue: TaskQueue
    name: str
    guidelines: dict[str, str]
    read_key: ReadKey
    console: Console = field(default_factory=lambda: Console(highlight=False))
    clock: Callable[[], float] = time.monotonic  # in seconds
    shows_guess: bool = False  # and votes
    decides_together: bool = True
    message: str = ""
    walk: TreeWalk = field(init=False)
    chosen: set[str] = field(default_factory=set)
    """The classes chosen for the text on the screen, where a text may have several."""

    def run(self) -> None:
        """Ask until everything is decided or the round is ended."""
        self.queue.refresh()
        undone: str | None = None
        while not self.queue.finished():
            undone = self._ask(*self._next(undone))
            if self.queue.ranking_is_due():
                self.queue.rerank()

    def _next(self, undone: str | None) -> tuple[Item, str]:
        """The next text, and the kind of event that an answer to it is."""
        items = self.queue.round.items
        if undone is not None:
            return items[undone], ANSWER
        for text_id, recheck in self.queue.assign(self.name, 1, []):
            return items[text_id], RECHECK if recheck else ANSWER
        answers = self.queue.answers()
        if ties := self.queue.ties(answers):
            return items[ties[0]], SETTLE
        leased = self.queue.open_ids(answers)[0]  # to somebody at another machine
        return items[leased], ANSWER

    def _ask(self, item: Item, kind: str) -> str | None:
        """Have one text decided, or the newest decision undone: then its text is returned."""
        start, self.walk, self.chosen = self.clock(), TreeWalk(self.queue.round.tree), set()
        while True:
            self._draw(item, kind)
            key, self.message = self.read_key(), ""
            label = self._label(key, item, kind)
            if label is not None:
                self._decide(kind, item, label, self.clock() - start)
                return None
            if key in ("s", "?") and kind == ANSWER:
                self._decide(SKIP if key == "s" else UNSURE, item, None, self.clock() - start)
                return None
            if key == "u":
                self._append(UNDO)
                return self.queue.last_undone(self.name)
            if key == "e" and self._end_round():
                return None
            self._other_key(key, item)

    def _label(self, key: str, item: Item, kind: str) -> str | None:
        """The answer that a key stands for, if it does."""
        if self.queue.round.multilabel:
            return self._set(key, item)
        if item.is_group:  # a class key could mean the class of one of its texts, or of all
            return {"\r": item.guess, "\n": item.guess, "0": NOT_ALL}.get(key)
        if key == "0":
            return DEPENDS if item.is_word else NONE
        if key in ("\r", "\n") and item.kind == CLASS and kind == ANSWER:
            return item.guess
        if key == "/":
            return self._find_class(item)
        return self.walk.press(key)

    def _set(self, key: str, item: Item) -> str | None:
        """The set of classes that a key accepts; other keys choose a class, or drop it."""
        label = self._find_class(item) if key == "/" else self.walk.press(key)
        accepted, message = pressed(key, label, self.queue.round.labels, self.chosen)
        self.message = message or self.message
        return accepted

    def _other_key(self, key: str, item: Item) -> None:
        if key == "v":
            self.shows_guess = not self.shows_guess
        elif key == "d":
            self.decides_together = not self.decides_together
        elif key == "f":
            self._append(FLAG, item.id)
            self.message = "flagged"
        elif key == "n" and (note := screen.read_line(self.read_key, self.console, "note: ")):
            self._append(NOTE, item.id, note=note)
            self.message = "note saved"

    def _end_round(self) -> bool:
        """Whether the round was ended."""
        if not self.queue.can_end():
            self.message = "there is nothing to learn from yet: answer a few texts first"
            return False
        self.console.print(
            "press e again to end the round; texts without an answer stay unlabelled"
        )
        if self.read_key() != "e":
            return False
        self._append(FINISH)
        return True

    def _find_class(self, item: Item) -> str | None:
        if not self.walk.tree.is_flat:
            return self.walk.find(self.read_key, self.console, item.text)
        typed = screen.read_line(self.read_key, self.console, "find a class: ")
        label = best_match(typed, self.queue.round.labels)
        self.message = "no class matches" if label == "" else ""
        return label or None

    def _decide(self, kind: str, item: Item, label: str | None, seconds: float) -> None:
        """Write a decision on a text, and on its near-duplicates, to the journal."""
        ids = [item.id]
        if self.decides_together and kind == ANSWER:
            answers = self.queue.answers()
            ids += [text_id for text_id in item.duplicates if text_id not in answers]
        key = uuid.uuid4().hex
        shown = "guess,votes" if self.shows_guess and not item.blind else ""
        self.queue.append(
            [
                Event(
                    f"{key}.{number}", kind, self.name, self.queue.round.number, text_id, label,
                    seconds / len(ids), shown,
                )
                for number, text_id in enumerate(ids)
            ]
        )  # fmt: skip

    def _append(self, kind: str, text_id: str = "", note: str = "") -> None:
        key, number = f"{uuid.uuid4().hex}.0", self.queue.round.number
        self.queue.append([Event(key, kind, self.name, number, text_id, note=note)])

    def _draw(self, item: Item, kind: str) -> None:
        answers = self.queue.answers()
        n, n_open = len(self.queue.round.items), len(self.queue.open_ids(answers))
        title = f"round {self.queue.round.number}: {n - n_open} of {n}"
        own = answers.get(item.id, {})
        if item.is_group:
            lines = screen.group_lines(item, kind, own)
        else:
            lines = screen.item_lines(
                item,
                kind,
                own,
                shows_guess=self.shows_guess,
                decides_together=self.decides_together,
            )
        about = self.queue.round.about_classes(self.guidelines)
        classes = [] if item.is_group else list(self.walk.children(about, self.chosen))
        if not item.is_beside_texts:
            classes.append(Text(f"0 {NONE}", style="italic"))
        self.console.clear()
        self.console.print(
            Panel(Group(*lines), title=title, title_align="left"),
            Group(*([] if item.is_group else self.walk.lines(about))),
            Columns(classes, padding=(0, 3), column_first=True),
        )
        keys_here = screen.SEVERAL if self.queue.round.multilabel else self.walk.help
        self.console.print(Text(f"{keys_here}{screen.HELP}\n{self.message}", style="dim"))
