"""Attention and dropout for short texts on a CPU.

There torch spends more time on the softmax along short rows and on random numbers than on the
products themselves. Attention is plugged into transformers: plain matrix products, which at the
length of a title are as fast as any kernel, with the keys in rows. Dropout uses 16 random bits for
each value, so its rate is exact to about 1/65,536.
"""

from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

NAME = "short"
LEVELS = 2**16


class FastDropout(torch.nn.Dropout):
    """`torch.nn.Dropout` with cheaper random numbers."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  torch's own name
        """In training, the input with a share `p` of its values set to 0, the others scaled up."""
        return drop(input, self.p) if self.training and self.p > 0 else input


def drop(values: torch.Tensor, p: float) -> torch.Tensor:
    """`values` with a share `p` of them set to 0, the others divided by 1 - p."""
    if p >= 1:
        return values * 0
    draws = np.random.SFC64(int(torch.randint(2**62, (1,)))).random_raw(-(-values.numel() // 4))
    bits = torch.from_numpy(draws.view(np.int16))[: values.numel()].view(values.shape)
    keep = bits >= round(p * LEVELS) - LEVELS // 2
    return values * keep.to(values.dtype).mul_(1 / (1 - p))


def short_attention(
    module: torch.nn.Module,  # noqa: ARG001  as transformers calls it
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,  # noqa: ANN401, ARG001
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention, from `(texts, heads, tokens, dims)`.

    Returns `(texts, tokens, heads, dims)`, and no attention weights.
    """
    texts, heads, tokens, dims = query.shape
    scale = dims**-0.5 if scaling is None else scaling
    flat = (texts * heads, -1, dims)
    # Keys are in rows: torch's softmax is several times faster across short rows than along them.
    scores = torch.bmm(key.reshape(flat) * scale, query.reshape(flat).transpose(1, 2)).float()
    if attention_mask is not None:
        by_head = scores.view(texts, heads, -1, tokens)
        hidden = ~attention_mask[..., : by_head.shape[2]].transpose(2, 3)
        scores = by_head.masked_fill(hidden, torch.finfo(scores.dtype).min).view(scores.shape)
    weights = scores.softmax(1).to(value.dtype)
    if dropout:
        weights = drop(weights, dropout)
    mixed = torch.bmm(weights.transpose(1, 2), value.reshape(flat))
    mixed = mixed.view(texts, heads, tokens, dims)
    return mixed.transpose(1, 2).contiguous(), None


def is_bidirectional(model: Any) -> bool:  # noqa: ANN401  any model of transformers
    """Whether every token attends to all others, without position biases or grouped keys."""
    config = model.config
    heads = getattr(config, "num_attention_heads", None)
    causal = any(getattr(module, "is_causal", False) for module in model.modules())
    biased = hasattr(config, "relative_attention_num_buckets")
    return not causal and not biased and getattr(config, "num_key_value_heads", heads) == heads


def use_short_attention(model: Any) -> None:  # noqa: ANN401  any model of transformers
    """Give a model on the CPU this attention and this dropout."""
    AttentionInterface.register(NAME, short_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Dropout:
                setattr(module, name, FastDropout(child.p))
