"""What `wsal serve` keeps about the texts it labels: summaries by time, and uncertain texts.

Both are off by default. A thread does the work, so that no request waits for it. If it fails, or if
there is too much to do, texts are left out, and requests are answered all the same.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import polars as pl

from wsal.arrays import Probs
from wsal.serving.exported import Exported
from wsal.serving.harvest import Harvest
from wsal.serving.predictions import Row
from wsal.serving.tally import Tally

EVERY_SECONDS = 1.0
WRITE_SECONDS = 20.0
MOST_WAITING = 20_000  # texts
MOST_FILES = 1_000
"""The most summaries in a folder; the oldest are deleted."""


class Recorder:
    """Counts and keeps the texts of one server."""

    def __init__(
        self, exported: Exported, summaries: Path | None, hours: float, harvest: Harvest | None
    ) -> None:
        self.exported, self.summaries, self.harvest = exported, summaries, harvest
        self.period = timedelta(hours=hours)
        self.tally = Tally(exported) if summaries else None
        self.waiting: list[tuple[Sequence[Row], Probs]] = []
        self.n_waiting = self.n_left_out = 0
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.path: Path | None = None
        self.begin = ""
        self.failed = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work in a thread until the block ends; what waits is still recorded."""
        if self.summaries:
            self.summaries.mkdir(parents=True, exist_ok=True)
        if self.harvest:
            self.harvest.prepare()
        thread = threading.Thread(target=self._work, name="wsal-record", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            thread.join()

    def add(self, rows: Sequence[Row], probs: Probs) -> None:
        """Note texts, given as fields, with what `probs_of_rows` returns; returns at once."""
        with self.lock:
            if self.n_waiting + len(rows) > MOST_WAITING:
                self.n_left_out += len(rows)
                return
            self.waiting.append((rows, probs))
            self.n_waiting += len(rows)

    def _work(self) -> None:
        until_written = WRITE_SECONDS
        while True:
            is_last = self.stopped.wait(EVERY_SECONDS)
            until_written -= EVERY_SECONDS
            try:
                self._record()
                if is_last or until_written <= 0:
                    self._write()
                    until_written = WRITE_SECONDS
            except (OSError, sqlite3.Error) as error:
                if not self.failed:
                    sys.stderr.write(f"served texts are not recorded any more: {error}\n")
                self.failed = True
            if is_last:
                return

    def _record(self) -> None:
        with self.lock:
            taken, self.waiting, self.n_waiting = self.waiting, [], 0
        if not taken:
            return
        rows = [row for some, _ in taken for row in some]
        outputs = np.nan_to_num(np.concatenate([of_some for _, of_some in taken]))
        probs = outputs[:, : len(self.exported.labels)]
        frame = pl.DataFrame(rows, dict.fromkeys(self.exported.fields, pl.String), orient="row")
        texts = self.exported.text_of(frame).to_list()
        classes = probs.argmax(axis=1)
        best = probs[np.arange(len(probs)), classes]
        if self.tally:
            self._turn_over()
            self.tally.add(texts, classes, best)
        if self.harvest:
            rejection, rejected = self.exported.rejection, np.zeros(len(texts), bool)
            if rejection is not None:
                rejected = rejection.rejects(outputs[:, -1])
            self.harvest.add(self.exported, rows, texts, classes, best, rejected)

    def _turn_over(self) -> None:
        """Begin a new file if a new period has begun."""
        if not (self.tally and self.summaries):
            return
        seconds = self.period.total_seconds()
        start = datetime.now(UTC).timestamp() // seconds * seconds
        begin = f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H%MZ}"
        if begin == self.begin:
            return
        self._write()
        self.begin, self.path = begin, self.summaries / f"{begin}_{uuid4().hex[:12]}.json"
        self.tally.begin_anew()
        for old in sorted(self.summaries.glob("*_*.json"))[: -MOST_FILES + 1]:
            old.unlink(missing_ok=True)

    def _write(self) -> None:
        """Write the summary of the period, if it has texts."""
        if not (self.tally and self.path and self.tally.summary.n_texts):
            return
        with self.lock:
            n_left_out, self.n_left_out = self.n_left_out, 0
        summary = self.tally.summary
        self.tally.summary = replace(summary, n_left_out=summary.n_left_out + n_left_out)
        self.tally.summary.write(self.path)
