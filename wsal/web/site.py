"""What the page serves: a run folder, who may answer, and the desk of the open round."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsal.active.journal import NAME, Journal
from wsal.web import panel
from wsal.web.desk import Desk
from wsal.web.rounds import newest, read_round


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
    open_desk: Desk | None = None
    quality: dict[str, Any] = field(default_factory=dict)
    over: str = ""  # why the run ended, once it did
    lock: threading.Lock = field(default_factory=threading.Lock)
    polled: float = 0.0  # when a page last asked

    def current(self) -> tuple[bool, Desk | None]:
        """Whether it is known at once which desk is open, and the desk; waits for nothing."""
        number, waits = newest(self.run_dir)
        desk = self.open_desk
        if not waits:
            return True, None
        return desk is not None and desk.round.number == number, desk

    def desk(self) -> Desk | None:
        """The desk of the round that waits for answers; None while there is none.

        A round is opened by reading much of the run: never call this in the event loop.
        """
        number, waits = newest(self.run_dir)
        with self.lock:
            if not waits:
                self.open_desk = None
            elif self.open_desk is None or self.open_desk.round.number != number:
                found = read_round(self.run_dir, number, self.blind)
                journal = Journal(self.run_dir / NAME)
                desk = Desk(journal, found, self.lease_seconds, self.overlap, self.again)
                desk.refresh()
                self.open_desk = desk
                threading.Thread(target=self.look, daemon=True).start()
            return self.open_desk

    def look(self) -> None:
        """Quality and forecast, which take a second, are computed beside the requests."""
        self.quality = panel.quality(self.run_dir)
