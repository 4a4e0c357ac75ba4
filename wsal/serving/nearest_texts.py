"""The labelled texts that are most like a text, by the embeddings of the exported encoder."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from wsal.arrays import Embeddings
from wsal.classifier.nearest import LabelledTexts
from wsal.serving.exported import Exported
from wsal.serving.limits import Limits
from wsal.serving.predictions import Row

Embed = Callable[[Sequence[str]], Embeddings]


class BusyError(Exception):
    """More texts wait than the server takes."""


@dataclass
class NearestTexts:
    """Finds labelled texts. The encoder is loaded by torch when it is first needed."""

    exported: Exported
    labelled: LabelledTexts
    limits: Limits
    n_waiting: int = 0
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, rows: Sequence[Row], top: int) -> list[list[dict[str, Any]]]:
        """For each text, given by its fields, the `top` nearest; none for an empty text.

        Raises:
            BusyError: too many texts wait already. TimeoutError: it took too long.
        """
        if self.n_waiting + len(rows) > self.limits.waiting:
            raise BusyError
        self.n_waiting += len(rows)
        try:
            async with asyncio.timeout(self.limits.seconds), self.one_at_a_time:
                return await asyncio.to_thread(self._of, rows, top)
        finally:
            self.n_waiting -= len(rows)

    def _of(self, rows: Sequence[Row], top: int) -> list[list[dict[str, Any]]]:
        fields = dict.fromkeys(self.exported.fields, pl.String)
        texts = self.exported.text_of(pl.DataFrame(rows, fields, orient="row")).to_list()
        results: list[list[dict[str, Any]]] = [[] for _ in texts]
        places = [place for place, text in enumerate(texts) if text]
        if not places:
            return results
        embeddings = self._embed([texts[place] for place in places])
        for place, near in zip(places, self.labelled.nearest(embeddings, top), strict=True):
            results[place] = [
                {
                    "text": self.labelled.texts[n],
                    "label": self.labelled.labels[n],
                    "similarity": similarity,
                }
                for n, similarity in near
            ]
        return results

    @cached_property
    def _embed(self) -> Embed:
        from wsal.serving.torch_backend import open_embedding  # noqa: PLC0415  takes seconds

        return open_embedding(self.exported)
