"""Attention and dropout for short texts on a CPU, where torch's own wait for random numbers.

Attention is transformers' own extension point: plain matrix products, which at the length of a
title are as fast as any kernel. Dropout takes 16 random bits a value, four values a draw, where
torch draws each by itself: it is to about 1/65,536 the share that was asked for.
"""

from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

NAME = "short"
LEVELS = 2**16


class QuickDropout(torch.nn.Dropout):
    """`torch.nn.Dropout` with cheaper random numbers."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  torch's own name
        """The input with a share `p` of its values set to 0, the others scaled up; in training."""
        return drop_out(input, self.p) if self.training and self.p > 0 else input


def drop_out(values: torch.Tensor, p: float) -> torch.Tensor:
    """`values` with a share `p` of them 0, the others divided by what is left."""
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
    **more: Any,  # noqa: ANN401, ARG001
) -> tuple[torch.Tensor, None]:
    """Scaled dot products of `(texts, heads, tokens, dims)`; `(texts, tokens, heads, dims)`."""
    texts, heads, tokens, dims = query.shape
    scale = dims**-0.5 if scaling is None else scaling
    flat = (texts * heads, -1, dims)
    # keys stand in rows: torch's softmax is several times faster across short rows than along them
    scores = torch.bmm(key.reshape(flat) * scale, query.reshape(flat).transpose(1, 2)).float()
    if attention_mask is not None:
        apart = scores.view(texts, heads, -1, tokens)
        hidden = ~attention_mask[..., : apart.shape[2]].transpose(2, 3)
        scores = apart.masked_fill(hidden, torch.finfo(scores.dtype).min).view(scores.shape)
    weights = scores.softmax(1).to(value.dtype)
    if dropout:
        weights = drop_out(weights, dropout)
    mixed = torch.bmm(weights.transpose(1, 2), value.reshape(flat))
    mixed = mixed.view(texts, heads, tokens, dims)
    return mixed.transpose(1, 2).contiguous(), None


def looks_both_ways(model: Any) -> bool:  # noqa: ANN401  any model of transformers
    """Whether it attends in the plain way: not to what stands before alone, no biases of place."""
    config = model.config
    heads = getattr(config, "num_attention_heads", None)
    causal = any(getattr(module, "is_causal", False) for module in model.modules())
    biased = hasattr(config, "relative_attention_num_buckets")
    return not causal and not biased and getattr(config, "num_key_value_heads", heads) == heads


def use_short_attention(model: Any) -> None:  # noqa: ANN401  any model of transformers
    """Let a model on the CPU attend and drop out in this way."""
    AttentionInterface.register(NAME, short_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Dropout:
                setattr(module, name, QuickDropout(child.p))
