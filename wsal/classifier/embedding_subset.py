"""Train the embeddings of those word pieces alone that occur in the texts.

Of a vocabulary of 30,000 or 250,000 pieces a catalogue uses a few thousand. The others get no
gradient; yet a plain training loop fills, adds up, and gives to AdamW their zeros in every step,
and keeps three copies of them in memory. Here they stay as they were, weight decay left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class SubsetEmbedding(nn.Module):
    """An embedding table of some rows of a whole one, called with ids of the whole one."""

    places: Tensor  # (whole,): where each piece stands here; -1 for those left out
    rows: Tensor  # (used,): where each stands in the whole

    def __init__(self, whole: nn.Embedding, used: np.ndarray) -> None:
        super().__init__()
        self.whole = [whole]  # in a list: its weights are none of the model's for now
        rows = torch.from_numpy(used).to(whole.weight.device)
        padding = whole.padding_idx
        self.padding = None if padding is None else int(np.searchsorted(used, padding))
        self.weight = nn.Parameter(whole.weight.detach()[rows])
        places = torch.full((whole.num_embeddings,), -1, device=rows.device)
        places[rows] = torch.arange(len(rows), device=rows.device)
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of `ids`, as the whole table gives them."""
        places, whole = self.places[ids], self.whole[0]
        if self.training:  # every id is a used one
            return nn.functional.embedding(places, self.weight, self.padding)
        rows = nn.functional.embedding(places.clamp(min=0), self.weight)
        return torch.where(places.unsqueeze(-1) < 0, whole(ids), rows)


@contextmanager
def only_used(model: Any, used: np.ndarray | None) -> Iterator[None]:  # noqa: ANN401
    """Let the model learn these rows of its embedding table, and put them back afterwards.

    None, or a table that does not learn: the model stays as it is.
    """
    whole = model.get_input_embeddings()
    if used is None or type(whole) is not nn.Embedding or not whole.weight.requires_grad:
        yield
        return
    padding = [] if whole.padding_idx is None else [whole.padding_idx]
    some = SubsetEmbedding(whole, np.union1d(used, padding).astype(np.int64))
    model.set_input_embeddings(some)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[some.rows] = some.weight
        model.set_input_embeddings(whole)
