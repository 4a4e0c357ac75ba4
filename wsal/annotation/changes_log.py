"""The changes of a run as its journal has them: each change, undo and return to a former state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsal.annotation.journal import (
    CHANGE,
    CHANGE_UNDONE,
    CHANGES,
    JOURNAL_FILE,
    Event,
    Journal,
)
from wsal.changes import Batch, Changes, ClassEdit, change_of


@dataclass(frozen=True)
class Logged:
    """An event that changed the classes, and the edits in force after it."""

    number: int
    """In the log of class edits, from 1."""
    place: int
    """Of the event in the journal."""
    event: Event
    edits: tuple[ClassEdit, ...]

    @property
    def edit(self) -> ClassEdit | None:
        """The edit that it made; None if it undid one, or restored a state."""
        change = change_of(self.event.note) if self.event.kind == CHANGE else None
        return change if isinstance(change, ClassEdit) else None


def log_of(events: Iterable[tuple[int, Event]]) -> list[Logged]:
    """What changed the classes, oldest first."""
    return _folded(events)[0]


def changes_in_force(events: Iterable[tuple[int, Event]]) -> Changes:
    """The changes in force after all events."""
    log, batches = _folded(events)
    return Changes(log[-1].edits if log else (), tuple(batches.values()))


def changes_in(run_dir: Path) -> Changes:
    """The changes in force in a run; a run without a journal has none."""
    return changes_in_force(Journal(run_dir / JOURNAL_FILE).events())


def _folded(events: Iterable[tuple[int, Event]]) -> tuple[list[Logged], Mapping[str, Batch]]:
    """The log of class edits, and the batches in force by the keys of their events."""
    log, edits, batches = list[Logged](), dict[str, ClassEdit](), dict[str, Batch]()
    after: dict[str, dict[str, ClassEdit]] = {"": {}}  # the edits in force after each event
    for place, event in events:
        if event.kind not in CHANGES:
            continue
        if event.kind == CHANGE:
            change = change_of(event.note)
            if isinstance(change, Batch):
                batches[event.key] = change
                continue
            edits = {**edits, event.key: change}
        elif event.kind == CHANGE_UNDONE:
            if batches.pop(event.note, None):
                continue
            edits = {key: edit for key, edit in edits.items() if key != event.note}
        else:
            edits = after[event.note]
        after[event.key] = edits
        log.append(Logged(len(log) + 1, place, event, tuple(edits.values())))
    return log, batches
