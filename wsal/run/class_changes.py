"""Record changes of the classes of a run in its journal, and read them back."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import polars as pl

from wsal.annotation.answers import is_llm, read_annotations
from wsal.annotation.changes_log import Logged, log_of, state_of
from wsal.annotation.journal import (
    CHANGE,
    CHANGE_UNDONE,
    CHANGES_RESTORED,
    JOURNAL_FILE,
    RECHECK,
    Event,
    Journal,
    decisions_in_force,
)
from wsal.artifacts import Artifact
from wsal.changes import ClassEdit, note_of
from wsal.data.class_edits import check_step
from wsal.data.class_fold import words
from wsal.data.class_history import ClassHistory, Edits, edits_in
from wsal.digests import MANIFEST
from wsal.errors import ConfigError
from wsal.run.pipeline import required


@dataclass(frozen=True)
class ClassesOfRun:
    """The classes of a run, now and in every earlier state."""

    run_dir: Path
    log: list[Logged]
    now: ClassHistory

    def at(self, number: int | None) -> ClassHistory:
        """The classes after a change, by its number in the log; 0: as configured; None: now.

        Raises:
            ConfigError: there is no such change.
        """
        if number is None:
            return self.now
        if not 0 <= number <= len(self.log):
            raise ConfigError(
                f"there is no change {number}; `wsal classes log` has {len(self.log)} changes, "
                "and 0 stands for the classes as configured"
            )
        return replace(self.now, edits=self.log[number - 1].edits if number else ())

    @cached_property
    def times(self) -> dict[int, str]:
        """The time of each event of the journal, by its place."""
        return Journal(self.run_dir / JOURNAL_FILE).times()

    @cached_property
    def answers(self) -> list[tuple[str, Edits]]:
        """Every answer of people in force: the name, and the edits in force when it was given.

        An answer that its round has taken is read from there, any other from the journal.
        """
        finished = sorted(self.run_dir.glob(f"rounds/*/annotations/{MANIFEST}"))
        rounds = [Artifact.open(path.parent) for path in finished]
        given = list[tuple[str, Edits]]()
        for artifact in rounds:
            table = read_annotations(artifact.path / "annotations.parquet").filter(~is_llm())
            then = edits_in(artifact.facts)
            given += [(name, then) for name in table["label"].drop_nulls()]
        taken = {int(artifact.path.parent.name) for artifact in rounds}
        events = Journal(self.run_dir / JOURNAL_FILE).events()
        for event in decisions_in_force(e for _, e in events):
            if event.label and event.kind != RECHECK and event.round not in taken:
                given.append((event.label, state_of(event, self.log)))
        return given


def opened_classes(run_dir: Path) -> ClassesOfRun:
    """The classes of a run with all their changes.

    Raises:
        MissingArtifactError: the run has no pool yet, so its classes are not known.
    """
    pool = required(run_dir, "prepare")
    log = log_of(Journal(run_dir / JOURNAL_FILE).events())
    edits = log[-1].edits if log else ()
    return ClassesOfRun(run_dir, log, replace(ClassHistory.of_pool(pool.facts), edits=edits))


def record(classes: ClassesOfRun, edit: ClassEdit, who: str) -> Logged:
    """Check an edit against the present classes, and write it to the journal.

    Raises:
        ConfigError: it cannot be made.
    """
    now = classes.now
    check_step(now.names, edit, now.parents, tree=now.is_tree)
    return _append(classes, Event(uuid4().hex, CHANGE, who, 0, note=note_of(edit)))


def undo(classes: ClassesOfRun, who: str) -> Logged:
    """Take back the newest edit that is in force.

    Raises:
        ConfigError: there is none.
    """
    if not classes.now.edits:
        raise ConfigError(f"no change of the classes of {classes.run_dir} is in force")
    newest = classes.log[-1]
    text = f"undo {words(newest.edits[-1])}"
    event = Event(uuid4().hex, CHANGE_UNDONE, who, 0, note=newest.keys[-1], text=text)
    return _append(classes, event)


def restore(classes: ClassesOfRun, number: int, who: str) -> Logged:
    """Return to the classes as they were after a change; 0: as they are configured.

    Raises:
        ConfigError: there is no such change, or the classes are in this state already.
    """
    if classes.at(number).edits == classes.now.edits:
        raise ConfigError(f"the classes are as they were after change {number} already")
    key = classes.log[number - 1].event.key if number else ""
    text = f"return to the classes {f'after change {number}' if number else 'as configured'}"
    return _append(classes, Event(uuid4().hex, CHANGES_RESTORED, who, 0, note=key, text=text))


def concerned(classes: ClassesOfRun, logged: Logged) -> int:
    """How many answers named, when an edit was made, a class that it changed."""
    edit = logged.edit
    if edit is None or edit.action == "add":
        return 0
    before = replace(classes.now, edits=logged.edits[:-1])
    names = set(edit.names)
    for node in edit.names:
        names |= set(before.parents.get(node, ()))
    own = [(name, then) for name, then in classes.answers if then == before.edits[: len(then)]]
    counts = pl.Series([before.present(name, then) for name, then in own], dtype=pl.String)
    return int(counts.is_in(list(names)).sum())


def _append(classes: ClassesOfRun, event: Event) -> Logged:
    journal = Journal(classes.run_dir / JOURNAL_FILE)
    journal.append([event])
    return log_of(journal.events())[-1]
