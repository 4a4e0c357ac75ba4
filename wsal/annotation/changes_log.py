"""The changes of a run in its journal: each change, undo and return to an earlier state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wsal.annotation.journal import (
    CHANGE,
    CHANGE_UNDONE,
    CHANGES,
    DECISIONS,
    JOURNAL_FILE,
    Event,
    Journal,
)
from wsal.changes import Batch, Changes, ClassEdit, change_of
from wsal.data.class_history import ClassHistory

STATE = "classes "
"""In `Event.shown`, before the number in the log of the state whose classes were shown."""


@dataclass(frozen=True)
class Logged:
    """An event that changed the classes, and the edits in force after it."""

    number: int
    """In the log of class edits, from 1."""
    place: int
    """Of the event in the journal."""
    event: Event
    edits: tuple[ClassEdit, ...]
    keys: tuple[str, ...] = ()
    """Of the events that made these edits."""

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


def was_changed(run_dir: Path) -> bool:
    """Whether classes or records of a run were ever changed, even if that was undone since."""
    return any(event.kind in CHANGES for _, event in Journal(run_dir / JOURNAL_FILE).events())


@dataclass
class States:
    """The states of the classes in a journal that is read event by event."""

    log: list[Logged] = field(default_factory=list)
    _changes: list[tuple[int, Event]] = field(default_factory=list)

    def add(self, place: int, event: Event) -> None:
        """Note an event, if it is a change."""
        if event.kind in CHANGES:
            self._changes.append((place, event))
            self.log = log_of(self._changes)

    def present(self, event: Event, classes: ClassHistory | None) -> str | None:
        """The present name of the label of an event."""
        if event.label is None or classes is None:
            return event.label
        return classes.present(event.label, state_of(event, self.log))


def with_state(
    events: Iterable[Event], classes: ClassHistory | None, log: Sequence[Logged]
) -> list[Event]:
    """The events; decisions say in which state of the classes they were made.

    `classes` are those that people chose from. The order of events would not tell: a page may have
    been opened before an edit, and be answered after it.
    """
    edits = classes.edits if classes else ()
    number = max((logged.number for logged in log if logged.edits == edits), default=0)
    if not edits or not number:
        return list(events)
    return [
        replace(e, shown=",".join(filter(None, [e.shown, f"{STATE}{number}"])))
        if e.kind in DECISIONS
        else e
        for e in events
    ]


def state_of(event: Event, log: Sequence[Logged]) -> tuple[ClassEdit, ...]:
    """The edits of the classes that a decision was made from; see `with_state`."""
    numbers = [int(w[len(STATE) :]) for w in event.shown.split(",") if w.startswith(STATE)]
    return log[numbers[0] - 1].edits if numbers and numbers[0] <= len(log) else ()


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
        log.append(Logged(len(log) + 1, place, event, tuple(edits.values()), tuple(edits)))
    return log, batches
