"""Which weights are trained, and at which learning rate."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from wsal.errors import ConfigError
from wsal.training_settings import OptimizerSettings

EMBEDDINGS = re.compile(r"embed|\.w[tp]e\.")
LAYER = re.compile(r"\.(?:layers?|h|block)\.(\d+)\.")


def depth_of(name: str, n_layers: int) -> int:
    """0 for embeddings, 1 for the first layer, ... `n_layers` + 1 for the head.

    >>> depth_of("bert.encoder.layer.0.output.dense.weight", 6)
    1
    >>> depth_of("bert.embeddings.word_embeddings.weight", 6), depth_of("classifier.bias", 6)
    (0, 7)
    """
    if layer := LAYER.search(name):
        return int(layer[1]) + 1
    return 0 if EMBEDDINGS.search(name) else n_layers + 1


def freeze(model: Any, settings: OptimizerSettings) -> None:  # noqa: ANN401
    """Switch gradients off for what `settings.freeze` names, and on for everything else.

    With LoRA, only its updates are trained.

    Raises:
        ConfigError: `settings.freeze` is more layers than the encoder has.
    """
    n_layers = model.config.num_hidden_layers
    lowest_of = {"nothing": 0, "embeddings": 1, "encoder": n_layers + 1}
    frozen = settings.freeze
    lowest = lowest_of[frozen] if isinstance(frozen, str) else frozen + 1
    if lowest > n_layers + 1:
        raise ConfigError(
            f"freeze is {frozen}, but the encoder has {n_layers} layers; expected at most that"
        )
    has_lora = any("lora_" in name for name, _ in model.named_parameters())
    for name, weight in model.named_parameters():
        is_trained = depth_of(name, n_layers) >= lowest
        weight.requires_grad_(is_trained and (not has_lora or weight.requires_grad))


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights that are trained, with their names."""
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def new_optimizer(model: Any, settings: OptimizerSettings) -> torch.optim.AdamW:  # noqa: ANN401
    """AdamW (Loshchilov and Hutter, 2019), without weight decay for biases and norms."""
    n_layers = model.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, weight in trained(model):
        below_head = n_layers + 1 - depth_of(name, n_layers)
        decay = settings.weight_decay if weight.ndim > 1 else 0.0
        groups.setdefault((settings.layer_decay**below_head, decay), []).append(weight)
    parameters: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": decay, "scale": scale}
        for (scale, decay), weights in groups.items()
    ]
    return torch.optim.AdamW(parameters, lr=settings.lr, fused=True)


def update_mean(
    mean: list[Tensor], weights: list[Tensor], step: int, settings: OptimizerSettings
) -> None:
    """Move the running mean towards the weights of a step, in place."""
    torch._foreach_lerp_(mean, weights, share_in_mean(step, settings))


def share_in_mean(step: int, settings: OptimizerSettings) -> float:
    """The share that the weights of a step, counted from 0, get in the running mean.

    With n / (n + 4) as the largest decay after n steps, about the last quarter of the steps counts
    (polynomial-decay averaging; Shamir & Zhang, 2013), so a short training forgets its start.

    >>> settings = OptimizerSettings(ema=0.98)
    >>> [round(share_in_mean(step, settings), 3) for step in (0, 4, 96, 400)]
    [1.0, 0.5, 0.04, 0.02]
    """
    return max(1 - settings.ema, 4 / (4 + step))


def rate(step: int, n_steps: int, settings: OptimizerSettings) -> float:
    """The share of the learning rate in step 0, 1, ...: a linear warm-up, then `settings.decay`.

    >>> [rate(s, 10, OptimizerSettings(warmup=0.2)) for s in (0, 1, 2, 6)]
    [0.5, 1.0, 1.0, 0.5]
    """
    n_warmup = math.ceil(settings.warmup * n_steps)
    if step < n_warmup:
        return (step + 1) / n_warmup
    left = (n_steps - step) / max(1, n_steps - n_warmup)
    if settings.decay == "cosine":
        return 0.5 - 0.5 * math.cos(math.pi * left)
    return left if settings.decay == "linear" else 1.0


def set_rate(optimizer: torch.optim.AdamW, lr: float) -> None:
    """Set the learning rate of each group; lower layers may have lower ones."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["scale"]


def clip(optimizer: torch.optim.AdamW, weights: list[Tensor], max_norm: float) -> Tensor:
    """Let the next step scale the gradient down to this norm; returns its norm before.

    If the norm is not finite, the step will change nothing.

    The fused step of AdamW divides by `grad_scale` (made for torch's GradScaler) while it reads the
    gradient; `clip_grad_norm_` would read and write all of it a second time.
    """
    norm = torch.nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None])
    optimizer.grad_scale = (norm / max_norm).clamp(min=1).float()  # type: ignore[attr-defined]
    optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
    return norm


def copies(weights: Sequence[Tensor]) -> list[Tensor]:
    """Copies of the weights, detached from the model."""
    return [weight.detach().clone() for weight in weights]


@contextmanager
def exchanged(weights: Sequence[Tensor], others: Sequence[Tensor]) -> Iterator[None]:
    """Give the weights other values until the block ends; none, if `others` is empty."""
    own = copies(weights) if others else []
    with torch.no_grad():
        for weight, other in zip(weights, others, strict=bool(others)):
            weight.copy_(other)
    yield
    with torch.no_grad():
        for weight, before in zip(weights, own, strict=bool(own)):
            weight.copy_(before)


def moments(optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """The state of AdamW as tensors named `optimizer.NUMBER.KEY`."""
    return {
        f"optimizer.{number}.{key}": value
        for number, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def set_moments(optimizer: torch.optim.AdamW, tensors: dict[str, Tensor]) -> None:
    """Restore the state of AdamW from what `moments` returned, among other tensors."""
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            states.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
