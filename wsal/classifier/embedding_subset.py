"""Train only the embeddings of word pieces that occur in the texts.

Of a vocabulary of 30,000 or 250,000 pieces a catalogue uses a few thousand. The others get no
gradient, but a plain training loop computes with their zeros in every step and keeps three copies
of them in memory: half of MiniLM's weights are embeddings. Here they are left out. The result is
that of training the whole table, except that weight decay does not change the rows left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class SubsetEmbedding(nn.Module):
    """Some rows of an embedding table, called with ids of the whole table."""

    positions: Tensor
    """`(whole,)`: the row here of each piece; -1 for those left out."""
    rows: Tensor
    """`(used,)`: the row in the whole table."""

    def __init__(self, whole: nn.Embedding, used: np.ndarray) -> None:
        super().__init__()
        self.whole = [whole]  # in a list, so that torch does not register its weights
        rows = torch.from_numpy(used).to(whole.weight.device)
        padding = whole.padding_idx
        self.padding = None if padding is None else int(np.searchsorted(used, padding))
        self.weight = nn.Parameter(whole.weight.detach()[rows])
        positions = torch.full((whole.num_embeddings,), -1, device=rows.device)
        positions[rows] = torch.arange(len(rows), device=rows.device)
        self.register_buffer("positions", positions, persistent=False)
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """The embeddings of `ids`, as the whole table gives them."""
        positions = self.positions[ids]
        if self.training:  # every id is one of those used
            return nn.functional.embedding(positions, self.weight, self.padding)
        used = nn.functional.embedding(positions.clamp(min=0), self.weight)
        return torch.where(positions.unsqueeze(-1) < 0, self.whole[0](ids), used)


@contextmanager
def only_used(model: Any, used: np.ndarray | None) -> Iterator[None]:  # noqa: ANN401
    """Train only these rows of the model's embedding table; they are written back at the end.

    The model stays as it is if `used` is None, or if its table is frozen.
    """
    whole = model.get_input_embeddings()
    if used is None or type(whole) is not nn.Embedding or not whole.weight.requires_grad:
        yield
        return
    padding = [] if whole.padding_idx is None else [whole.padding_idx]
    subset = SubsetEmbedding(whole, np.union1d(used, padding).astype(np.int64))
    model.set_input_embeddings(subset)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[subset.rows] = subset.weight
        model.set_input_embeddings(whole)
