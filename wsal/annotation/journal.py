"""The journal: every answer, skip and undo, appended to one SQLite file.

Events are never changed or deleted. The present state is computed from all of them in the order in
which they arrived, so clocks do not matter, and an event that arrives twice (with the same key)
counts once.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

from wsal.errors import AnnotationError
from wsal.labels import Parents, finest

ANSWER, SKIP, UNSURE, RECHECK, SETTLE = "answer", "skip", "unsure", "recheck", "settle"
UNDO, FLAG, NOTE, FINISH = "undo", "flag", "note", "finish"
OPENED, CLOSED = "opened", "closed"
"""Written by wsal itself: a round's query was made; a round's answers were taken. What counts for
which round depends on the order of events alone, so a run can be made again from its journal."""
CHANGE, CHANGE_UNDONE, CHANGES_RESTORED = "change", "change undone", "changes restored"
"""What people change in a run: its classes, its records. The note of a change is JSON that
`wsal.changes` reads; that of the others is the key of a change: the one that is undone, or the one
after which the classes were as they are to be again (empty: as they were configured)."""
DECISIONS = (ANSWER, SKIP, UNSURE, RECHECK, SETTLE)
CHANGES = (CHANGE, CHANGE_UNDONE, CHANGES_RESTORED)
KINDS = (*DECISIONS, UNDO, FLAG, NOTE, FINISH, OPENED, CLOSED, *CHANGES)
EARLY = "early"  # in `Event.shown`: the text belonged to no open round
FORMER_KINDS = {"again": RECHECK}  # in journals written before 0.3
JOURNAL_FILE = "annotations.sqlite"
SETTLED = None  # the key of a settling answer: unlike a string, it cannot be an annotator's name
BUSY_SECONDS = 5.0  # how long SQLite itself waits for a lock, where it waits at all
RETRY_SECONDS = 0.02
T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """One thing that a person did."""

    key: str  # made by the client, new for each action: the same key twice is the same action
    kind: str  # one of KINDS
    annotator: str
    round: int
    id: str = ""  # of the text; empty for `undo` and `finish`
    label: str | None = None
    seconds: float | None = None  # that the person took
    shown: str = ""  # "guess,votes" if these were shown; "early" if no round had asked the text
    note: str = ""
    text: str = ""  # the text itself, since its id may come to mean another; empty before 0.2


COLUMNS = tuple(field.name for field in fields(Event))
TABLE = f"""CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT,
at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), {", ".join(COLUMNS)}, UNIQUE (key))"""


@dataclass(frozen=True)
class Journal:
    """The journal of a run. Several processes and threads may append to it at once."""

    path: Path
    patience: float = 60.0
    """Seconds to go on trying while others hold the file."""
    sleep: Callable[[float], None] = time.sleep

    def append(self, events: Sequence[Event]) -> int:
        """Write events to the disk, all or none, and return how many were new.

        Raises:
            AnnotationError: another program keeps the file locked.
        """
        marks = ", ".join("?" for _ in COLUMNS)
        sql = f"INSERT OR IGNORE INTO events ({', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608
        rows = [tuple(asdict(event).values()) for event in events]

        def insert(file: sqlite3.Connection) -> int:
            before = file.total_changes
            with file:
                file.executemany(sql, rows)
            return file.total_changes - before

        return self._retried(insert)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open until the block ends, which makes appending three times as fast.

        SQLite tidies up when the last connection is closed, and writes the disk several times then.
        """
        with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as file:
            _prepare(file)
            yield

    def events(self, after: int = 0) -> list[tuple[int, Event]]:
        """Events after number `after`, each with its number, in the order of arrival.

        Raises:
            AnnotationError: another program keeps the file locked.
        """
        if not self.path.exists():
            return []
        sql = f"SELECT seq, {', '.join(COLUMNS)} FROM events WHERE seq > ? ORDER BY seq"  # noqa: S608
        rows = self._retried(lambda file: file.execute(sql, (after,)).fetchall())
        return [
            (seq, Event(key, FORMER_KINDS.get(kind, kind), *values))
            for seq, key, kind, *values in rows
        ]

    def times(self) -> dict[int, str]:
        """When each event arrived, by its number, such as `2026-03-01T09:30:00.000Z`."""
        if not self.path.exists():
            return {}
        return dict(
            self._retried(lambda file: file.execute("SELECT seq, at FROM events").fetchall())
        )

    def _retried(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work on the open file, again if it was locked.

        SQLite's own timeout does not apply where a file is switched to WAL, recovered after a
        crash, or closed by its last user: there it refuses at once. Trying again is safe: a
        refused transaction wrote nothing, and events are told apart by their keys.
        """
        end = time.monotonic() + self.patience
        while True:
            try:
                with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as file:
                    _prepare(file)
                    return work(file)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # extended codes, too
                    raise
                if time.monotonic() > end:
                    raise AnnotationError(
                        f"{self.path} was locked by another program for {self.patience:g} seconds, "
                        "so the answer was not saved; close that program and try again"
                    ) from error
            self.sleep(RETRY_SECONDS)


def _prepare(file: sqlite3.Connection) -> None:
    """Set the connection up, and create or complete the table."""
    if file.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        file.execute("PRAGMA journal_mode = WAL")  # readers never wait for a writer
    file.execute("PRAGMA synchronous = FULL")  # an acknowledged answer survives a power cut
    if "text" in _columns(file):
        return
    with file:
        file.execute("BEGIN IMMEDIATE")  # others may be about to do the same
        file.execute(TABLE)
        if "text" not in _columns(file):
            file.execute("ALTER TABLE events ADD COLUMN text DEFAULT ''")


def _columns(file: sqlite3.Connection) -> set[str]:
    return {name for _, name, *_ in file.execute("PRAGMA table_info(events)")}


def decisions_in_force(events: Iterable[Event]) -> list[Event]:
    """The decisions that were not undone, in the order of arrival.

    An undo takes back its annotator's newest action that is still in force. One action may have
    decided several texts (their keys differ after the last dot). An undo does not reach into
    earlier rounds, because the classifier has been trained on those; it reaches early answers,
    which count for a later round.

    >>> events = [Event("1", "answer", "ann", 1, "x", "Coffee"), Event("2", "undo", "ann", 1)]
    >>> decisions_in_force(events)
    []
    """
    stacks: dict[str, list[tuple[int, Event]]] = {}
    for number, event in enumerate(events):
        stack = stacks.setdefault(event.annotator, [])
        if event.kind == UNDO:
            action = _action(stack[-1][1]) if stack else ""
            while stack and stack[-1][1].round >= event.round and _action(stack[-1][1]) == action:
                stack.pop()
        elif event.kind in DECISIONS:
            stack.append((number, event))
    in_force = sorted((pair for stack in stacks.values() for pair in stack), key=lambda p: p[0])
    return [event for _, event in in_force]


def just_undone(events: Iterable[Event], annotator: str) -> list[Event]:
    """The decisions that a person's newest event has undone; several if they were one action."""
    own = [event for event in events if event.annotator == annotator and event.kind not in CHANGES]
    if not own or own[-1].kind != UNDO:
        return []
    after = decisions_in_force(own)
    return [event for event in decisions_in_force(own[:-1]) if event not in after]


def is_early(event: Event) -> bool:
    """Whether the text of a decision belonged to no open round."""
    return EARLY in event.shown.split(",")


def _action(event: Event) -> str:
    """The key of the action that an event is part of: up to the last dot, if there is one."""
    return event.key.rpartition(".")[0] or event.key


Answers = dict[str | None, Event]
"""The answers to one text: annotator -> their last decision; SETTLED -> the one that settled it."""


def answers_by_text(decisions: Iterable[Event]) -> dict[str, Answers]:
    """For each text id, each annotator's last decision; a settling one has the key SETTLED."""
    texts: dict[str, Answers] = {}
    for event in decisions:
        if event.kind == RECHECK:
            continue  # it measures how consistent a person is, and labels nothing
        annotator = SETTLED if event.kind == SETTLE else event.annotator
        texts.setdefault(event.id, {})[annotator] = event
    return texts


def decision(answers: Answers, parents: Parents | None = None) -> tuple[bool, str | None]:
    """Whether a text is decided, and its label: the settled one, else the most frequent.

    The label is None where everybody skipped the text. A tie between labels is not a decision. An
    answer that stands for several classes counts for nothing where there is a finer one inside it.
    """
    if SETTLED in answers:
        return True, answers[SETTLED].label
    labels = most_frequent_labels(answers, parents)
    if len(labels) == 1:
        return True, labels[0]
    return (not labels and bool(answers)), None


def most_frequent_labels(answers: Answers, parents: Parents | None = None) -> list[str]:
    """The labels that most people gave, in alphabetical order; several if they tie."""
    labels = [event.label for event in answers.values() if event.label is not None]
    kept = finest(labels, parents or {})
    counts = Counter(label for label in labels if label in kept)
    return sorted(label for label, n in counts.items() if n == max(counts.values()))
