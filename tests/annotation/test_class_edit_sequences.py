"""Random sequences of class edits, answers, undo and kills, against a slow and obvious reference.

The reference gives every class a number that it keeps, and moves each answer by itself through
every single edit: back through those that were undone, then on through those in force since.
"""

import random
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field

import pytest

from wsal.annotation.changes_log import changes_in_force, log_of, state_of, with_state
from wsal.annotation.journal import (
    ANSWER,
    CHANGE,
    CHANGE_UNDONE,
    CHANGES,
    CHANGES_RESTORED,
    UNDO,
    Event,
    Journal,
    decisions_in_force,
)
from wsal.changes import ClassEdit, change_of, note_of
from wsal.data.class_edits import check_step
from wsal.data.class_history import UNMERGED, ClassHistory
from wsal.errors import ConfigError

FLAT = ("Coffee", "Tea", "Pets", "Phones")
TREE = ("Food > Coffee", "Food > Tea", "Pets > Toys", "Phones")
NEW = [f"N{n}" for n in range(4)]  # few, so that names are freed and used anew
N_SEQUENCES = 1_000


@dataclass
class State:
    """Classes by number, how each came to be, and what each becomes in the next state."""

    names: dict[int, str]
    edits: tuple[ClassEdit, ...] = ()
    before: "State | None" = None
    onward: dict[int, set[int]] = field(default_factory=dict)  # from the state before
    back: dict[int, set[int]] = field(default_factory=dict)  # to the state before

    def path(self) -> list["State"]:
        return [*(self.before.path() if self.before else []), self]


@dataclass
class Reference:
    """Replays the events of a journal one by one."""

    state: State
    after: dict[str, State] = field(default_factory=dict)  # the state after each event
    states: dict[tuple[ClassEdit, ...], State] = field(default_factory=dict)
    n_classes: int = 100

    def replay(self, event: Event) -> None:
        if event.kind == CHANGE:
            edits = (*self.state.edits, change_of(event.note))
            self.state = self.states.get(edits) or self.edited(edits)
        elif event.kind == CHANGE_UNDONE:
            self.state = self.state.before
        else:
            self.state = self.after[event.note]
        self.after[event.key] = self.states[self.state.edits] = self.state

    def edited(self, edits: tuple[ClassEdit, ...]) -> State:
        edit, names = edits[-1], dict(self.state.names)
        number_of = {name: number for number, name in names.items()}
        onward = {number: {number} for number in names}
        back = {number: {number} for number in names}
        if edit.action in ("rename", "move"):
            old, new = edit.names[0], edit.into[0]
            for number, name in self.state.names.items():
                if name == old or name.startswith(old + " > "):
                    names[number] = new + name[len(old) :]
        else:
            gone = [] if edit.action == "add" else [number_of[name] for name in edit.names]
            made = range(self.n_classes, self.n_classes + len(edit.into or edit.names))
            made = [] if edit.action == "remove" else [*made]
            self.n_classes += 10
            for number in gone:
                del names[number], back[number]
                onward[number] = set(made)
            created = edit.names if edit.action == "add" else edit.into
            for number, name in zip(made, created, strict=False):
                names[number], back[number] = name, set(gone)
        return State(names, edits, self.state, onward, back)

    def meaning(self, label: str, then: State) -> set[str]:
        own = {number for number, name in then.names.items() if name == label}
        here, there = then.path(), self.state.path()
        lost = ""  # what was added below a class that was split was a part of that
        while here[-1] not in there:
            state = here.pop()
            edit = state.edits[-1]
            names = [state.names[number] for number in own]
            own = {b for number in own for b in state.back[number]}
            lost = names[0] if names and not own else lost
            if edit.action in ("rename", "move") and f"{lost} > ".startswith(f"{edit.into[0]} > "):
                lost = edit.names[0] + lost[len(edit.into[0]) :]
            if edit.action == "split" and lost.startswith(f"{edit.names[0]} > "):
                numbers = {name: number for number, name in state.before.names.items()}
                own, lost = {numbers[edit.names[0]]}, ""
        onward = there[len(here) :]
        now = {o for number in own for o in self.moved_on(number, onward)}
        return {self.state.names[number] for number in now}

    def moved_on(self, number: int, states: list[State]) -> set[int]:
        own, node = {number}, ""  # what is added below a class that was split is a part of it, too
        for state in states:
            edit = state.edits[-1]
            if edit.action == "split" and " > " in edit.into[0]:
                is_whole = {state.before.names[number] for number in own} == {edit.names[0]}
                node = node or (edit.names[0] if is_whole else "")
            if edit.action in ("rename", "move") and f"{node} > ".startswith(edit.names[0] + " > "):
                node = edit.into[0] + node[len(edit.names[0]) :]
            own = {o for number in own for o in state.onward[number]}
            below = {n for n, name in state.names.items() if node and name.startswith(node + " > ")}
            node = node if below else ""
            own |= {n for n in below if edit.action == "add" and not state.back[n]}
        return own


def random_edit(draw: random.Random, classes: ClassHistory) -> ClassEdit:
    """An edit that may well be impossible."""
    names = list(classes.names)
    nodes = [*names, *classes.parents] if classes.is_tree else names
    new = draw.choice([*NEW, *FLAT, *(n.rpartition(" > ")[2] for n in names)])
    action = draw.choice(["add", "rename", "rename", "merge", "split", "move", "remove"])
    if action == "add":
        under = draw.choice(["", *(f"{n} > " for n in classes.parents)]) if classes.is_tree else ""
        return ClassEdit("add", (under + new,))
    node = draw.choice(nodes)
    parent = node.rpartition(" > ")[0]
    below = f"{parent} > " if parent else ""
    if action == "rename":
        return ClassEdit("rename", (node,), (below + new,))
    if action == "move":
        to = draw.choice(["", *(f"{n} > " for n in nodes)])
        return ClassEdit("move", (node,), (to + node.rpartition(" > ")[2],))
    if action == "merge":
        some = tuple(draw.sample(names, min(len(names), draw.choice([2, 2, 3]))))
        return ClassEdit("merge", some, (draw.choice([*some, new]),))
    if action == "split":
        name = draw.choice(names)
        under = f"{name} > " if classes.is_tree else ""
        return ClassEdit("split", (name,), tuple(under + n for n in draw.sample(NEW, 2)))
    return ClassEdit("remove", (draw.choice(names),))


def random_events(draw: random.Random, first: ClassHistory) -> list[Event]:
    """What people do to a run: a kill takes the event that was being written."""
    events: list[Event] = []
    shown: tuple[ClassEdit, ...] = ()  # the edits of the pool, whose classes people choose from
    for n in range(draw.randint(5, 30)):
        numbered = list(enumerate(events, 1))
        log = log_of(numbered)
        now = ClassHistory(first.first, log[-1].edits if log else (), first.is_tree)
        what, event = draw.random(), None
        if what < 0.45:
            on_page = ClassHistory(first.first, shown, first.is_tree)
            label = draw.choice(on_page.names)
            answer = Event(f"{n}", ANSWER, draw.choice("ab"), 1, f"t{n}", label, text=f"text {n}")
            event = with_state([answer], on_page, log)[0]
        elif what < 0.5:
            event = Event(f"{n}", UNDO, draw.choice("ab"), 1)
        elif what < 0.8:
            edit = random_edit(draw, now)
            try:
                check_step(now.names, edit, now.parents, tree=now.is_tree)
            except ConfigError:
                continue  # nothing is recorded
            event = Event(f"{n}", CHANGE, "a", 0, note=note_of(edit))
        elif what < 0.87 and now.edits:
            event = Event(f"{n}", CHANGE_UNDONE, "b", 0, note=log[-1].keys[-1])
        elif what < 0.92 and log:
            key = draw.choice(["", *(logged.event.key for logged in log)])
            event = Event(f"{n}", CHANGES_RESTORED, "b", 0, note=key)
        else:
            shown = now.edits  # the run goes on, and makes its pool again
        is_killed = draw.random() < 0.1
        if event and not is_killed:
            events.append(event)
    return events


def classes_named(name: str, classes: ClassHistory) -> set[str] | None:
    """The classes that a present name stands for; None: several that have no name together."""
    if name.endswith(UNMERGED):
        return None
    if name in classes.names:
        return {name}
    return set(classes.parents.get(name, ()))


@pytest.mark.parametrize("first", [FLAT, TREE], ids=["flat", "tree"])
def test_no_answer_is_lost_and_the_state_is_that_of_a_replay(first):
    n_counting = n_former = n_several = 0
    for seed in range(N_SEQUENCES // 2):
        configured = ClassHistory(first, is_tree=first is TREE)
        events = random_events(random.Random(f"{first} {seed}"), configured)
        numbered = list(enumerate(events, 1))
        start = State(dict(enumerate(first)))
        reference = Reference(start, {"": start}, {(): start})
        for event in events:
            if event.kind in CHANGES:
                reference.replay(event)
        edits = changes_in_force(numbered).classes
        now = ClassHistory(first, edits, first is TREE)
        assert sorted(now.names) == sorted(reference.state.names.values()), seed
        log = log_of(numbered)
        decisions = decisions_in_force(events)
        assert decisions == decisions_in_force(e for e in events if e.kind not in CHANGES)
        for event in decisions:
            then = state_of(event, log)
            name = now.present(event.label, then)
            expected = reference.meaning(event.label, reference.states[then])
            stands_for = classes_named(name, now)
            if stands_for is None:  # is asked again
                assert len(expected) != 1, (seed, event)
                assert expected not in map(set, now.parents.values())
            else:
                assert stands_for == expected, (seed, event)
            n_counting += len(expected) == 1
            n_former += not expected
            n_several += len(expected) > 1
    assert n_counting > 1_000 and n_former > 100 and n_several > 100


def test_edits_and_answers_that_were_acknowledged_survive_kills(tmp_path):
    path = tmp_path / "journal.sqlite"
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from wsal.annotation.journal import ANSWER, CHANGE, Event, Journal
        from wsal.changes import ClassEdit, note_of
        journal, first = Journal(Path({str(path)!r})), int(sys.argv[1])
        for n in range(first, first + 500):
            edit = note_of(ClassEdit("add", (f"New {{n}}",)))
            journal.append([Event(f"e{{n}}", CHANGE, "ann", 0, note=edit),
                            Event(f"a{{n}}.0", ANSWER, "ann", 1, f"t{{n}}", "Tea", text="x")])
            print(n, flush=True)
    """)
    acknowledged = []
    for first in (0, 1000, 2000):
        command = [sys.executable, "-c", program, str(first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            n = 7 + first // 500
            acknowledged += [int(process.stdout.readline()) for _ in range(n)]
            process.send_signal(signal.SIGKILL)
    events = Journal(path).events()
    keys = {event.key for _, event in events}
    assert all({f"e{n}", f"a{n}.0"} <= keys for n in acknowledged)
    assert len(keys) % 2 == 0  # an edit and its answer are written together, or not at all
    edits = changes_in_force(events).classes
    assert len(edits) == len(keys) / 2
    assert len(ClassHistory(FLAT, edits).names) == len(FLAT) + len(edits)
