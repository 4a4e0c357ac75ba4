"""SIGTERM, which schedulers send before they take the machine away."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class SigtermGuard:
    """Inside its `with` block, SIGTERM does not end the process; it sets `seen`."""

    def __init__(self) -> None:
        self.seen = False
        self.before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.before is not None:
            signal.signal(signal.SIGTERM, self.before)
            if self.seen and kind is None:  # it came after the last step, so nobody acted on it
                signal.raise_signal(signal.SIGTERM)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.seen = True
