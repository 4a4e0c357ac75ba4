"""The journal loses nothing, counts nothing twice, and is read as it was meant."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsal.annotation.journal import Event, Journal, answers_by_text, decision, decisions_in_force
from wsal.errors import AnnotationError


def event(key, kind="answer", who="ann", text="x", label="Coffee", number=1):
    return Event(key, kind, who, number, text, label if kind == "answer" else None)


def test_an_event_sent_twice_counts_once(tmp_path):
    journal = Journal(tmp_path / "a.sqlite")
    assert journal.append([event("k1"), event("k2", text="y")]) == 2
    assert journal.append([event("k2", text="y"), event("k3", text="z")]) == 1
    assert [event.key for _, event in journal.events()] == ["k1", "k2", "k3"]
    assert [event.key for _, event in journal.events(after=2)][-1] == "k3"


def append_in_threads(journal, n_threads, n_events):
    """Append from several threads; what they raised."""
    errors = []

    def write(who):
        try:
            for number in range(n_events):
                journal.append([event(f"{who}-{number}", who=who, text=str(number))])
        except (AnnotationError, sqlite3.Error) as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(f"p{n}",)) for n in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_many_threads_append_at_once(tmp_path):
    journal = Journal(tmp_path / "a.sqlite")
    assert append_in_threads(journal, 6, 25) == []
    keys = [event.key for _, event in journal.events()]
    assert len(keys) == len(set(keys)) == 150


def test_many_threads_begin_a_journal_at_once(tmp_path):
    """In 4 of 100 journals, SQLite refused somebody without waiting: it was switching to WAL."""
    for number in range(15):
        journal = Journal(tmp_path / f"{number}.sqlite")
        assert append_in_threads(journal, 6, 1) == []
        assert len(journal.events()) == 6


OLD_TABLE = """CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, key, kind,
annotator, round, id, label, seconds, shown, note, UNIQUE (key))"""


def old_journal(path):
    """A journal as wsal 0.1 wrote it: without texts, in another journal mode."""
    with sqlite3.connect(path) as file:
        file.execute(OLD_TABLE)
        file.execute("INSERT INTO events (key, kind, annotator, round, id, label, shown, note)"
                     "VALUES ('k0.0', 'again', 'ann', 1, 'x', 'Tea', '', '')")  # fmt: skip
    file.close()
    return Journal(path)


def test_many_threads_open_a_journal_of_an_earlier_version_at_once(tmp_path):
    for number in range(5):
        journal = old_journal(tmp_path / f"{number}.sqlite")
        assert append_in_threads(journal, 4, 1) == []
        assert len(journal.events()) == 5
    (_, first), *_ = journal.events()
    assert (first.kind, first.label, first.text) == ("recheck", "Tea", "")


def locked(path):
    """A connection that holds a lock which SQLite does not wait for."""
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("BEGIN IMMEDIATE")
    return file


def test_an_answer_waits_while_another_program_holds_the_journal(tmp_path):
    journal, waits = old_journal(tmp_path / "a.sqlite"), []
    other = locked(journal.path)

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            other.close()

    assert Journal(journal.path, sleep=sleep).append([event("k1.0")]) == 1
    assert len(waits) == 3
    assert [event.key for _, event in journal.events()] == ["k0.0", "k1.0"]


def test_who_cannot_be_served_is_told_that_the_answer_was_not_saved(tmp_path):
    path = old_journal(tmp_path / "a.sqlite").path
    with locked(path), pytest.raises(AnnotationError, match="was not saved; close that program"):
        Journal(path, patience=0).append([event("k1.0")])


WRITER = """
import sys
from pathlib import Path
from wsal.annotation.journal import Event, Journal
journal = Journal(Path(sys.argv[1]))
for number in range(100_000):
    journal.append([Event(f"k{number}", "answer", "ann", 1, str(number), "Coffee")])
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    path = tmp_path / "a.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        acknowledged = [int(writer.stdout.readline()) for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    kept = [event.id for _, event in Journal(path).events()]
    assert kept[: len(acknowledged)] == [str(number) for number in acknowledged]
    assert len(kept) - len(acknowledged) <= 1  # one may have been cut off before it was reported


def test_undo_takes_back_whole_acts_of_its_own_annotator_and_round():
    done = [
        event("a.0"), event("b.0", text="y"), event("b.1", text="z"), event("c.0", who="bob"),
        event("u.0", "undo"),
    ]  # fmt: skip
    assert [one.key for one in decisions_in_force(done)] == ["a.0", "c.0"]
    assert [one.key for one in decisions_in_force([*done, event("v.0", "undo")])] == ["c.0"]
    later = [*done, event("w.0", "undo", number=2)]
    assert [one.key for one in decisions_in_force(later)] == [
        "a.0",
        "c.0",
    ]  # round 1 is over


@given(st.lists(st.sampled_from(["answer", "skip", "unsure", "undo"]), max_size=30))
def test_standing_is_what_a_stack_holds(kinds):
    events = [event(f"k{n}.0", kind, text=str(n)) for n, kind in enumerate(kinds)]
    stack = []
    for one in events:
        if one.kind != "undo":
            stack.append(one)
        elif stack:
            stack.pop()
    assert decisions_in_force(events) == stack


def test_the_most_frequent_answer_decides_unless_somebody_settled_the_text():
    events = [event("1", who="ann"), event("2", who="bob", label="Tea"), event("3", who="cy")]
    answers = answers_by_text(events)["x"]
    assert decision(answers) == (True, "Coffee")
    tie = answers_by_text(events[:2])["x"]
    assert decision(tie) == (False, None)
    settled = answers_by_text([*events[:2], Event("4", "settle", "dee", 1, "x", "Tea")])["x"]
    assert decision(settled) == (True, "Tea")
    assert decision(answers_by_text([event("5", "skip")])["x"]) == (True, None)
    assert decision({}) == (False, None)
