"""What the page serves: a run folder, who may answer, and the queue of the open round."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.annotation.open_round import ROUNDS, newest_round, read_round
from wsal.annotation.split import SPLIT_FILE
from wsal.annotation.task_queue import TaskQueue
from wsal.digests import MANIFEST
from wsal.errors import MissingArtifactError
from wsal.web import panel

READ_WITH_A_ROUND = ("pool", "votes", "embeddings")  # artifacts


@dataclass
class Site:
    """What the page serves: a run folder, who may answer, and the queue of the open round."""

    run_dir: Path
    tokens: dict[str, str]  # token -> name; "" is anybody: people give their own names
    guidelines: dict[str, str] = field(default_factory=dict)
    blind: float = 0.15
    overlap: float = 0.0
    recheck: float = 0.0
    lease_seconds: float = 300.0
    open_queue: TaskQueue | None = None
    opened_from: tuple[object, ...] = ()  # the state of the files that `open_queue` was read from
    quality: dict[str, Any] = field(default_factory=dict)
    over: str = ""  # why the run ended, once it did
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_poll: float = 0.0  # when a page last asked for the state

    def current(self) -> tuple[bool, TaskQueue | None]:
        """Whether `open_queue` is up to date, and the queue; returns at once."""
        _, is_open, files = self._newest()
        return (self.opened_from == files, self.open_queue) if is_open else (True, None)

    def queue(self) -> TaskQueue | None:
        """The queue of the round that waits for answers; None while there is none.

        There is none either while the artifacts before the round are being rebuilt. Opening a round
        reads much of the run: never call this in the event loop.
        """
        with self.lock:
            number, is_open, files = self._newest()
            if not is_open:
                self.open_queue, self.opened_from = None, ()
            elif self.opened_from != files:
                self.open_queue, self.opened_from = self._read_queue(number), files
                threading.Thread(target=self.update_quality, daemon=True).start()
            return self.open_queue

    def _newest(self) -> tuple[int, bool, tuple[object, ...]]:
        """The newest round, whether it waits for answers, and the state of the files it is in."""
        number, is_open = newest_round(self.run_dir)
        names = (*READ_WITH_A_ROUND, f"{ROUNDS}/{number:03d}/query")
        paths = [self.run_dir / name / MANIFEST for name in names]
        paths.append(self.run_dir / ROUNDS / f"{number:03d}" / SPLIT_FILE)
        times = [path.stat().st_mtime_ns for path in paths if path.exists()]
        return number, is_open, (number, *times)

    def _read_queue(self, number: int) -> TaskQueue | None:
        try:
            open_round = read_round(self.run_dir, number, self.blind)
        except (MissingArtifactError, OSError):  # some of it is being rebuilt
            return None
        journal = Journal(self.run_dir / JOURNAL_FILE)
        queue = TaskQueue(journal, open_round, self.lease_seconds, self.overlap, self.recheck)
        queue.refresh()
        return queue

    def update_quality(self) -> None:
        """Compute quality and forecast, which takes about a second: run it in a thread."""
        self.quality = panel.quality(self.run_dir)
