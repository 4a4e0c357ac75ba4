"""The terminal annotator, on a pseudo-terminal, over the real command."""

import os
import pty
import re
import select
import subprocess
import time

import fork_server
import pytest

from wsal.annotation.journal import JOURNAL_FILE, NOTE, Journal
from wsal.annotation.keyboard import read_character
from wsal.errors import AnnotationError

pytestmark = pytest.mark.slow


class Typist:
    """`wsal annotate annotator=terminal`, with somebody at the keys."""

    def __init__(self, folder, command):
        self.master, slave = pty.openpty()
        self.process = fork_server.Popen(
            command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "COLUMNS": "120", "LINES": "60", "TERM": "xterm"},
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def until(self, pattern, seconds=60):
        """What was printed since, up to a pattern."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if match := re.search(pattern, self.seen, re.DOTALL):
                self.seen = self.seen[match.end() :]
                return match
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    break
        raise AssertionError(f"{pattern} did not come: {self.seen[-2000:]}")

    def press(self, keys):
        os.write(self.master, keys.encode())

    def kill(self):
        self.process.kill()
        self.process.wait()
        if self.master is not None:
            os.close(self.master)
            self.master = None


@pytest.fixture
def sit_down(annotate_in_terminal):
    """A function that begins the command in a folder."""
    typists = []

    def begin(folder):
        typists.append(Typist(folder, annotate_in_terminal))
        return typists[-1]

    yield begin
    for one in typists:
        one.kill()


def test_a_round_with_undo_search_skip_and_a_kill(run, sit_down, answers_of):
    ann = sit_down(run)
    ann.until("round 1: 0 of 50.*undo")
    ann.press("1")
    n = int(ann.until(r"round 1: (\d+) of 50")[1])
    assert n >= 1
    ann.press("u")
    ann.until("round 1: 0 of 50")
    ann.press("v")
    ann.until("guess")
    ann.press("/vacuum cl\n")
    n = int(ann.until(r"round 1: ([1-9]\d*) of 50")[1])
    ann.kill()
    ann = sit_down(run)
    assert int(ann.until(r"round 1: (\d+) of 50")[1]) == n  # nothing that was answered is lost
    ann.press("s")
    ann.until(rf"round 1: {n + 1} of 50")
    ann.press("ntür für Öl\n")
    ann.until("note saved")
    ann.press("ee")
    ann.until(rf"annotate\s+{n} labels?, 1 skipped(?s:.*){50 - n - 1} texts were not answered", 120)
    assert ann.process.wait(60) == 0
    answers = list(answers_of(run).values())  # of those that were decided, and no others
    assert answers == ["Vacuum Cleaners"] * n + [None]
    events = Journal(run / "runs" / "w" / JOURNAL_FILE).events()
    assert [one.note for _, one in events if one.kind == NOTE] == ["tür für Öl"]


def test_a_round_that_nobody_answered_is_not_ended(run, sit_down):
    ann = sit_down(run)
    ann.until("round 1: 0 of 50.*undo")
    ann.press("e")
    ann.until("nothing to learn from yet")
    ann.press("1")
    ann.until(r"round 1: [1-9]\d* of 50")


def test_a_terminal_that_is_closed_is_told():
    with pytest.raises(AnnotationError, match="the answers so far are saved"):
        read_character(lambda: b"")


def test_without_a_terminal_it_says_so(run, annotate_in_terminal):
    done = fork_server.run(
        annotate_in_terminal, cwd=run, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "annotator=web" in done.stderr
