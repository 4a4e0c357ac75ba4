"""How long work takes: repeated batches of it, timed."""

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from wsal.planning.draws import Draws, constant, ratio

N_BATCHES = 10
MIN_BATCH, MAX_BATCH = 16, 50_000  # rows
WARM_UP = 64  # rows that are not measured

Work = Callable[[Any], int]
"""Takes a part of a table or of a list; returns the bytes that its result needs on disk."""


@dataclass(frozen=True)
class Timed:
    """Batches of work that were timed."""

    n: Sequence[int]
    """Rows of each batch."""
    seconds: Sequence[float]
    n_bytes: Sequence[int]
    """On disk, of the results."""

    def seconds_per_row(self, random: np.random.Generator) -> Draws:
        """With an interval from how the batches differ."""
        return ratio(self.seconds, self.n, random)

    def bytes_per_row(self) -> Draws:
        """The mean."""
        return constant(sum(self.n_bytes) / sum(self.n))


def timed(work: Work, rows: Any, seconds: float) -> Timed:  # noqa: ANN401  whatever can be sliced
    """Time `work` on batches of `rows`, for about `seconds`, or until there are no more rows.

    A first call, which may load things, is not timed. A second one sets the size of the batches.
    """
    work(rows[:WARM_UP])
    start = perf_counter()
    work(rows[:WARM_UP])
    rate = len(rows[:WARM_UP]) / max(perf_counter() - start, 1e-6)
    wanted = min(rate * seconds, len(rows)) / N_BATCHES
    size = int(np.clip(wanted, MIN_BATCH, MAX_BATCH))
    n, taken, n_bytes = list[int](), list[float](), list[int]()
    for first in range(0, len(rows), size):
        batch = rows[first : first + size]
        start = perf_counter()
        n_bytes.append(work(batch))
        taken.append(perf_counter() - start)
        n.append(len(batch))
        if sum(taken) >= seconds and len(n) > 2:
            break
    return Timed(n, taken, n_bytes)


def processor_name() -> str:
    """The name of this machine's processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
