"""What the page serves: a run folder, who may answer, and the queues of texts."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsal.annotation.early import EARLY_FILE
from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.annotation.live_ranking import NOTHING, Labelled
from wsal.annotation.open_round import ROUNDS, OpenRound, newest_round, read_round
from wsal.annotation.split import SPLIT_FILE
from wsal.annotation.task_queue import TaskQueue
from wsal.digests import MANIFEST
from wsal.errors import MissingArtifactError
from wsal.rounds.early import labelled_before, read_early, write_early
from wsal.web import panel
from wsal.web.class_examples import NO_EXAMPLES, Examples, class_examples

READ_WITH_A_ROUND = ("pool", "votes", "embeddings")  # artifacts
FORMER = 8  # queues whose texts may still be on somebody's screen
RANKING_SHARE = 9  # times as long as a ranking took, there is no other: training needs the cores


@dataclass
class Site:
    """What the page serves: a run folder, who may answer, and the queues of texts.

    There are up to two queues: that of the open round, and the early one of the round after it, for
    whoever has no text of the open round left, and for everybody while a classifier is trained.
    """

    run_dir: Path
    tokens: dict[str, str]  # token -> name; "" is anybody: people give their own names
    guidelines: dict[str, str] = field(default_factory=dict)
    blind: float = 0.15
    overlap: float = 0.0
    recheck: float = 0.0
    lease_seconds: float = 300.0
    early_until: int = 0  # the last round for which people answer early; 0: they wait
    open_queue: TaskQueue | None = None
    early_queue: TaskQueue | None = None
    former: deque[TaskQueue] = field(default_factory=lambda: deque(maxlen=FORMER))
    number: int = 0  # of the newest round
    read_from: tuple[Any, ...] | None = None  # the state of the files that queues were read from
    leases: dict[str, dict[str, float]] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    examples: Examples = NO_EXAMPLES
    over: str = ""  # why the run ended, once it did
    asks: bool = True  # whether people are given texts; not if the run would not take their answers
    lock: threading.Lock = field(default_factory=threading.Lock)
    early_lock: threading.Lock = field(default_factory=threading.Lock)
    ranking: threading.Lock = field(default_factory=threading.Lock)
    rank_after: float = 0.0  # when the texts may be ranked again
    gold: Labelled = NOTHING  # of earlier rounds
    last_poll: float = 0.0  # when a page last asked for the state

    def queues(self) -> list[TaskQueue]:
        """The queues that people are given texts of, in this order; returns at once."""
        early = None if self.over else self.early_queue
        open_queue = self.open_queue
        if not self.asks or (open_queue and open_queue.closed_at is not None):
            open_queue = None
        return [queue for queue in (open_queue, early) if queue]

    def known(self) -> list[TaskQueue]:
        """All queues whose texts may be on somebody's screen."""
        return [queue for queue in (self.open_queue, self.early_queue, *self.former) if queue]

    def queue(self) -> TaskQueue | None:
        """The queue of the round that waits for answers; None while there is none.

        There is none either while the artifacts before the round are being rebuilt. Opening a round
        reads much of the run: never call this in the event loop.
        """
        self.update()
        return self.open_queue

    def is_current(self) -> bool:
        """Whether the queues are those of the files as they are now; returns at once."""
        return self.read_from == self._state()

    def update_soon(self) -> None:
        """Read new files in a thread, unless one is at it."""
        if not self.lock.locked():
            threading.Thread(target=self.update, daemon=True).start()

    def update(self) -> None:
        """Read what has changed on the disk."""
        with self.lock:
            state = self._state()
            if self.read_from == state:
                return
            number, is_open, *files = state
            is_first, is_new = self.read_from is None, number != self.number
            if is_new:
                self._retire(self.open_queue, self.early_queue)
            elif not is_open:
                self._retire(self.open_queue)
            if is_new or list(self.read_from or ())[2:] != files:
                self.early_queue = None
            self.open_queue = self._opened(number) if is_open else None
            self.number = number
            if is_first:  # pages that were left open may show early texts, and send answers at once
                self._retire(self._queue_of(lambda: read_early(self.run_dir, number, self.blind)))
                self._retire(None if is_open else self._opened(number))
                self._update_early()
            self.read_from = state
        for work in (self._update_early, self.update_quality):
            threading.Thread(target=work, daemon=True).start()

    def _state(self) -> tuple[Any, ...]:
        """The newest round, whether it waits for answers, and when its files were written."""
        number, is_open = newest_round(self.run_dir)
        names = (*READ_WITH_A_ROUND, f"{ROUNDS}/{number:03d}/query")
        paths = [self.run_dir / name / MANIFEST for name in names]
        paths.append(self.run_dir / ROUNDS / f"{number:03d}" / SPLIT_FILE)
        times = [path.stat().st_mtime_ns for path in paths if path.exists()]
        return number, is_open, *times

    def _retire(self, *queues: TaskQueue | None) -> None:
        if self.early_until:
            self.former.extend(queue for queue in queues if queue)

    def _opened(self, number: int) -> TaskQueue | None:
        return self._queue_of(lambda: read_round(self.run_dir, number, self.blind))

    def _queue_of(self, read: Callable[[], OpenRound | None]) -> TaskQueue | None:
        try:
            texts = read()
        except (MissingArtifactError, OSError):  # some of it is being rebuilt
            return None
        if texts is None:
            return None
        journal = Journal(self.run_dir / JOURNAL_FILE)
        queue = TaskQueue(
            journal, texts, self.lease_seconds, self.overlap, self.recheck, self.leases
        )
        queue.refresh()
        return queue

    def _update_early(self) -> None:
        """Prepare the early queue, which may take seconds, and rank its texts by all answers."""
        with self.early_lock:
            number = self.number
            if number and number < self.early_until and not self.early_queue:
                queue = self._queue_of(lambda: self._early_texts(number + 1))
                if number == self.number:
                    self.early_queue = queue
        self.rank(anew=True)

    def _early_texts(self, number: int) -> OpenRound | None:
        if not (self.run_dir / ROUNDS / f"{number:03d}" / EARLY_FILE).exists():
            write_early(self.run_dir, number)
        self.gold = labelled_before(self.run_dir, number)
        return read_early(self.run_dir, number, self.blind)

    def rank_soon(self) -> None:
        """Rank the open texts by all answers so far, in a thread, unless that was done just now."""
        if time.monotonic() > self.rank_after and not self.ranking.locked():
            threading.Thread(target=self.rank, daemon=True).start()

    def rank(self, *, anew: bool = False) -> None:
        """Rank the open texts if there are enough new answers, or `anew` in any case."""
        with self.ranking:
            start = time.monotonic()
            open_queue, early = self.open_queue, self.early_queue
            if open_queue and open_queue.ranking_is_due():
                open_queue.rerank()
            if early and (anew or early.ranking_is_due()):
                newest_first = (open_queue, *reversed(self.former))
                of_rounds = [q for q in newest_first if q and not q.round.is_early]
                early.rerank([self.gold, *(queue.labelled() for queue in of_rounds[:1])])
            now = time.monotonic()
            self.rank_after = now + RANKING_SHARE * (now - start)

    def update_quality(self) -> None:
        """Compute what changes with a round, which takes about a second: run it in a thread."""
        self.quality = panel.quality(self.run_dir)
        self.examples = class_examples(self.run_dir, self.queues())
