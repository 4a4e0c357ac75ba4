"""Requests that come at the same time are computed together, none waits for others to come."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from wsal.serving.engines import Engine
from wsal.serving.exported import softmax

Row = list[str | None]
"""The fields of a text."""


class QueueFullError(Exception):
    """More texts wait than the server takes."""


@dataclass
class Batcher:
    """A queue of texts, and a worker that takes what waits, up to a number of texts.

    While it computes, requests pile up, and the next batch is as large as there is demand. So
    nothing is delayed when there is little to do (Clipper and Triton wait for a batch to fill).
    """

    engine: Engine
    most_waiting: int
    at_once: int = 64
    queue: asyncio.Queue[tuple[Sequence[Row], asyncio.Future[np.ndarray]]] = field(
        default_factory=asyncio.Queue
    )
    n_waiting: int = 0

    async def probs(self, texts: Sequence[Row]) -> np.ndarray:
        """Class probabilities `(texts, classes)` of the fields of some texts; NaN where none is.

        Raises:
            QueueFullError: too many texts wait already.
        """
        if self.n_waiting + len(texts) > self.most_waiting:
            raise QueueFullError
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self.n_waiting += len(texts)
        self.queue.put_nowait((texts, answer))
        try:
            return await answer
        finally:
            self.n_waiting -= len(texts)

    async def work(self, threads: ThreadPoolExecutor) -> None:
        """Take what waits, compute it, again and again; until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            taken = [await self.queue.get()]
            while not self.queue.empty() and sum(len(one) for one, _ in taken) < self.at_once:
                taken.append(self.queue.get_nowait())
            taken = [(one, answer) for one, answer in taken if not answer.done()]  # given up on
            texts = [text for one, _ in taken for text in one]
            if not texts:
                continue
            try:
                found = await loop.run_in_executor(threads, self._compute, texts)
            except Exception as error:  # noqa: BLE001  it belongs to those who wait for it
                for _, answer in taken:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            first = 0
            for one, answer in taken:
                if not answer.done():
                    answer.set_result(found[first : first + len(one)])
                first += len(one)

    def _compute(self, rows: Sequence[Row]) -> np.ndarray:
        exported = self.engine.exported
        frame = pl.DataFrame(rows, dict.fromkeys(exported.fields, pl.String), orient="row")
        texts = exported.text_of(frame)
        found = np.full((len(rows), len(exported.labels)), np.nan, dtype=np.float32)
        if some := texts.filter(texts != "").to_list():
            found[(texts != "").to_numpy()] = softmax(self.engine.logits(exported.pieces(some)))
        return found
