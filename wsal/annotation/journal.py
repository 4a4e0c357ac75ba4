"""The journal: every answer, skip and undo of people, appended to one SQLite file.

Nothing is ever changed or deleted; what holds now is a fold over the events, in their order of
arrival. So clocks play no part, and an event that arrives twice (its key is known) counts once.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

ANSWER, SKIP, UNSURE, AGAIN, SETTLE = "answer", "skip", "unsure", "again", "settle"
UNDO, FLAG, NOTE, FINISH = "undo", "flag", "note", "finish"
DECISIONS = (ANSWER, SKIP, UNSURE, AGAIN, SETTLE)
KINDS = (*DECISIONS, UNDO, FLAG, NOTE, FINISH)
NAME = "annotations.sqlite"
SETTLED = None  # who settled answers stand under; no annotator can have it for a name


@dataclass(frozen=True)
class Event:
    """One thing that a person did."""

    key: str  # made by the client, new for each act: the same key twice is the same act
    kind: str
    annotator: str
    round: int
    id: str = ""  # of the text; empty for `undo` and `finish`
    label: str | None = None
    seconds: float | None = None  # that the person took
    shown: str = ""  # what stood beside the text: "guess", "votes", both with a comma
    note: str = ""
    text: str = ""  # that was asked: the id may come to stand for another; empty before wsal 0.2


COLUMNS = tuple(one.name for one in fields(Event))
TABLE = f"""CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT,
at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), {", ".join(COLUMNS)}, UNIQUE (key))"""


@dataclass(frozen=True)
class Journal:
    """The file of a run. Several processes and threads may append to it at once."""

    path: Path

    def append(self, events: Sequence[Event]) -> int:
        """Write events, all or none, to the disk; give back how many were new."""
        marks = ", ".join("?" for _ in COLUMNS)
        sql = f"INSERT OR IGNORE INTO events ({', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608
        with self._open() as file, file:
            before = file.total_changes
            file.executemany(sql, [tuple(asdict(one).values()) for one in events])
            return file.total_changes - before

    def events(self, after: int = 0) -> list[tuple[int, Event]]:
        """Events with their numbers, in the order in which they arrived."""
        if not self.path.exists():
            return []
        sql = f"SELECT seq, {', '.join(COLUMNS)} FROM events WHERE seq > ? ORDER BY seq"  # noqa: S608
        with self._open() as file:
            return [(seq, Event(*values)) for seq, *values in file.execute(sql, (after,))]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = FULL")  # acknowledged means: on the disk
            file.execute(TABLE)
            if "text" not in {row[1] for row in file.execute("PRAGMA table_info(events)")}:
                file.execute("ALTER TABLE events ADD COLUMN text DEFAULT ''")
            yield file


def standing(events: Iterable[Event]) -> list[Event]:
    """The decisions that hold: an undo takes back its annotator's last act that still stood.

    One act may have decided several texts (their keys differ after the last dot). An undo reaches
    no further than into its own round: what was learnt from is not taken back.

    >>> done = [Event("1", "answer", "ann", 1, "x", "Coffee"), Event("2", "undo", "ann", 1)]
    >>> standing(done)
    []
    """
    stacks: dict[str, list[tuple[int, Event]]] = {}
    for number, event in enumerate(events):
        own = stacks.setdefault(event.annotator, [])
        if event.kind == UNDO:
            act = _act(own[-1][1]) if own else ""
            while own and own[-1][1].round == event.round and _act(own[-1][1]) == act:
                own.pop()
        elif event.kind in DECISIONS:
            own.append((number, event))
    return [event for _, event in sorted((one for own in stacks.values() for one in own),
                                         key=lambda one: one[0])]  # fmt: skip


def _act(event: Event) -> str:
    """The act that an event is part of: all of its key before the last dot, if there is one."""
    return event.key.rpartition(".")[0] or event.key


Answers = dict[str | None, Event]
"""What people decided about one text: annotator -> their last decision; SETTLED -> the settled."""


def by_text(decisions: Iterable[Event]) -> dict[str, Answers]:
    """For each text, each annotator's last decision; what was settled stands under SETTLED."""
    texts: dict[str, Answers] = {}
    for event in decisions:
        if event.kind == AGAIN:
            continue  # a second answer to one's own text, to learn how steady a person is
        who = SETTLED if event.kind == SETTLE else event.annotator
        texts.setdefault(event.id, {})[who] = event
    return texts


def decision(answers: Answers) -> tuple[bool, str | None]:
    """Whether a text is decided, and its label: what was settled, else the most frequent answer.

    None is a text that all skipped. Undecided is a tie between labels.
    """
    if SETTLED in answers:
        return True, answers[SETTLED].label
    best = most_frequent(answers)
    return (True, best[0]) if len(best) == 1 else (not best and bool(answers), None)


def most_frequent(answers: Answers) -> list[str]:
    """The labels that most people gave, in the order of the alphabet; several if they tie."""
    labels = [one.label for one in answers.values() if one.label is not None]
    counts = {label: labels.count(label) for label in labels}
    return sorted(label for label, n in counts.items() if n == max(counts.values()))
