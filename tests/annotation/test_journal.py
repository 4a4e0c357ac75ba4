"""The journal loses nothing, counts nothing twice, and is read as what it means."""

import os
import signal
import subprocess
import sys
import threading

from hypothesis import given
from hypothesis import strategies as st

from wsal.annotation.journal import Event, Journal, by_text, decision, standing


def event(key, kind="answer", who="ann", text="x", label="Coffee", number=1):
    return Event(key, kind, who, number, text, label if kind == "answer" else None)


def test_an_event_sent_twice_counts_once(tmp_path):
    journal = Journal(tmp_path / "a.sqlite")
    assert journal.append([event("k1"), event("k2", text="y")]) == 2
    assert journal.append([event("k2", text="y"), event("k3", text="z")]) == 1
    assert [one.key for _, one in journal.events()] == ["k1", "k2", "k3"]
    assert [one.key for _, one in journal.events(after=2)][-1] == "k3"


def test_many_threads_append_at_once(tmp_path):
    journal = Journal(tmp_path / "a.sqlite")

    def write(who):
        for number in range(25):
            journal.append([event(f"{who}-{number}", who=who, text=str(number))])

    threads = [threading.Thread(target=write, args=(f"p{n}",)) for n in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = [one.key for _, one in journal.events()]
    assert len(found) == len(set(found)) == 150


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
        told = [int(writer.stdout.readline()) for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split()]
    kept = [one.id for _, one in Journal(path).events()]
    assert kept[: len(told)] == [str(number) for number in told]
    assert len(kept) - len(told) <= 1  # one may be on the disk that was not acknowledged yet


def test_undo_takes_back_whole_acts_of_its_own_annotator_and_round():
    done = [
        event("a.0"), event("b.0", text="y"), event("b.1", text="z"), event("c.0", who="bob"),
        event("u.0", "undo"),
    ]  # fmt: skip
    assert [one.key for one in standing(done)] == ["a.0", "c.0"]
    assert [one.key for one in standing([*done, event("v.0", "undo")])] == ["c.0"]
    later = [*done, event("w.0", "undo", number=2)]
    assert [one.key for one in standing(later)] == ["a.0", "c.0"]  # round 1 was learnt from


@given(st.lists(st.sampled_from(["answer", "skip", "unsure", "undo"]), max_size=30))
def test_standing_is_what_a_stack_holds(kinds):
    events = [event(f"k{n}.0", kind, text=str(n)) for n, kind in enumerate(kinds)]
    stack = []
    for one in events:
        if one.kind != "undo":
            stack.append(one)
        elif stack:
            stack.pop()
    assert standing(events) == stack


def test_consensus_is_the_most_frequent_answer_and_what_was_settled_wins():
    told = [event("1", who="ann"), event("2", who="bob", label="Tea"), event("3", who="cy")]
    said = by_text(told)["x"]
    assert decision(said) == (True, "Coffee")
    tie = by_text(told[:2])["x"]
    assert decision(tie) == (False, None)
    settled = by_text([*told[:2], Event("4", "settle", "dee", 1, "x", "Tea")])["x"]
    assert decision(settled) == (True, "Tea")
    assert decision(by_text([event("5", "skip")])["x"]) == (True, None)
    assert decision({}) == (False, None)
