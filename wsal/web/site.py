"""What the page serves: a run folder, who may answer, and the desk of the open round."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.annotation.open_round import ROUNDS, newest, read_round
from wsal.annotation.task_queue import TaskQueue
from wsal.artifacts import MANIFEST
from wsal.errors import MissingArtifactError
from wsal.web import panel

SHOWN = ("pool", "votes", "embeddings")  # artifacts that a round is shown with


@dataclass
class Site:
    """What the page serves: a run folder, who may answer, and the desk of the open round."""

    run_dir: Path
    tokens: dict[str, str]  # token -> name; "" is anybody, who says who they are
    guidelines: dict[str, str] = field(default_factory=dict)
    blind: float = 0.15
    overlap: float = 0.0
    again: float = 0.0
    lease_seconds: float = 300.0
    open_desk: TaskQueue | None = None
    opened: tuple[object, ...] = ()  # what the desk was made of
    quality: dict[str, Any] = field(default_factory=dict)
    over: str = ""  # why the run ended, once it did
    lock: threading.Lock = field(default_factory=threading.Lock)
    polled: float = 0.0  # when a page last asked

    def current(self) -> tuple[bool, TaskQueue | None]:
        """Whether it is known at once which desk is open, and the desk; waits for nothing."""
        _, waits, made_of = self._newest()
        return (self.opened == made_of, self.open_desk) if waits else (True, None)

    def desk(self) -> TaskQueue | None:
        """The desk of the round that waits for answers; None while there is none.

        While what lies before the round is made anew there is none, either. A round is opened by
        reading much of the run: never call this in the event loop.
        """
        with self.lock:
            number, waits, made_of = self._newest()
            if not waits:
                self.open_desk, self.opened = None, ()
            elif self.opened != made_of:
                self.open_desk, self.opened = self._opened(number), made_of
                threading.Thread(target=self.look, daemon=True).start()
            return self.open_desk

    def _newest(self) -> tuple[int, bool, tuple[object, ...]]:
        """The newest round, whether it waits for answers, and what its desk would be made of."""
        number, waits = newest(self.run_dir)
        parts = (*SHOWN, f"{ROUNDS}/{number:03d}/query")
        files = [self.run_dir / part / MANIFEST for part in parts]
        return number, waits, (number, *(f.stat().st_mtime_ns for f in files if f.exists()))

    def _opened(self, number: int) -> TaskQueue | None:
        try:
            found = read_round(self.run_dir, number, self.blind)
        except (MissingArtifactError, OSError):  # some of it is being made anew
            return None
        journal = Journal(self.run_dir / JOURNAL_FILE)
        desk = TaskQueue(journal, found, self.lease_seconds, self.overlap, self.again)
        desk.refresh()
        return desk

    def look(self) -> None:
        """Quality and forecast, which take a second, are computed beside the requests."""
        self.quality = panel.quality(self.run_dir)
