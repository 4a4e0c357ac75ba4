"""Requests that arrive while others are computed are computed together.

No request waits for a batch to fill (as in Clipper and Triton): such a delay would cost a client
that is alone the whole of it.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from wsal.serving.engine import Engine
from wsal.serving.predictions import Row, probs_of_rows


class QueueFullError(Exception):
    """More texts wait than the server takes."""


@dataclass
class Batcher:
    """A queue of requests, and a worker that takes all that wait, up to `batch_size` texts.

    While it computes, requests gather, so the next batch is as large as the load is high.
    """

    engine: Engine
    max_waiting: int
    batch_size: int = 64
    queue: asyncio.Queue[tuple[Sequence[Row], asyncio.Future[np.ndarray]]] = field(
        default_factory=asyncio.Queue
    )
    n_waiting: int = 0

    async def probs(self, rows: Sequence[Row]) -> np.ndarray:
        """Class probabilities `(texts, classes)` of some texts; NaN where a text is empty.

        Raises:
            QueueFullError: too many texts wait already.
        """
        if self.n_waiting + len(rows) > self.max_waiting:
            raise QueueFullError
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self.n_waiting += len(rows)
        self.queue.put_nowait((rows, answer))
        try:
            return await answer
        finally:
            self.n_waiting -= len(rows)

    async def work(self, threads: ThreadPoolExecutor) -> None:
        """Compute what waits, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            requests = await self._take()
            rows = [row for request, _ in requests for row in request]
            if not rows:
                continue
            try:
                probs = await loop.run_in_executor(threads, probs_of_rows, self.engine, rows)
            except Exception as error:  # noqa: BLE001  raised to those who wait for an answer
                for _, answer in requests:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            start = 0
            for request, answer in requests:
                if not answer.done():
                    answer.set_result(probs[start : start + len(request)])
                start += len(request)

    async def _take(self) -> list[tuple[Sequence[Row], asyncio.Future[np.ndarray]]]:
        """The requests that wait, at least one, without those that were given up."""
        taken = [await self.queue.get()]
        while not self.queue.empty() and sum(len(rows) for rows, _ in taken) < self.batch_size:
            taken.append(self.queue.get_nowait())
        return [(rows, answer) for rows, answer in taken if not answer.done()]
