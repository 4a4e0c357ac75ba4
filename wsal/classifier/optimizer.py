"""Which weights learn, at which rate, and their running mean."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from wsal.errors import ConfigError
from wsal.settings import OptimizerSettings

EMBEDS = re.compile(r"embed|\.w[tp]e\.")
LAYER = re.compile(r"\.(?:layers?|h|block)\.(\d+)\.")


def depth_of(name: str, n_layers: int) -> int:
    """0 for embeddings, 1 for the first layer, ... `n_layers` + 1 for the head.

    >>> depth_of("bert.encoder.layer.0.output.dense.weight", 6)
    1
    >>> depth_of("bert.embeddings.word_embeddings.weight", 6), depth_of("classifier.bias", 6)
    (0, 7)
    """
    if found := LAYER.search(name):
        return int(found[1]) + 1
    return 0 if EMBEDS.search(name) else n_layers + 1


def freeze(model: Any, settings: OptimizerSettings) -> None:  # noqa: ANN401
    """Switch off gradients of what `settings.freeze` names, on those of everything else.

    Raises:
        ConfigError: more layers than there are.
    """
    n_layers = model.config.num_hidden_layers
    lowest = {"nothing": 0, "embeddings": 1, "encoder": n_layers + 1}
    frozen = settings.freeze
    below = lowest[frozen] if isinstance(frozen, str) else frozen + 1
    if below > n_layers + 1:
        raise ConfigError(f"freeze is {frozen}, but the encoder has {n_layers} layers")
    adapted = any("lora_" in name for name, _ in model.named_parameters())
    for name, weight in model.named_parameters():
        learns = depth_of(name, n_layers) >= below
        weight.requires_grad_(learns and (not adapted or weight.requires_grad))


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights that learn, by name."""
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def new_optimizer(model: Any, settings: OptimizerSettings) -> torch.optim.AdamW:  # noqa: ANN401
    """AdamW (Loshchilov and Hutter, 2019); biases and norms do not decay."""
    n_layers = model.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, weight in trained(model):
        below_head = n_layers + 1 - depth_of(name, n_layers)
        decay = settings.weight_decay if weight.ndim > 1 else 0.0
        groups.setdefault((settings.layer_decay**below_head, decay), []).append(weight)
    parts: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": decay, "scale": scale}
        for (scale, decay), weights in groups.items()
    ]
    return torch.optim.AdamW(parts, lr=settings.lr, fused=True)


def rate(step: int, n_steps: int, settings: OptimizerSettings) -> float:
    """The share of the learning rate in step 0, 1, ...: up evenly, then down.

    >>> [rate(s, 10, OptimizerSettings(warmup=0.2)) for s in (0, 1, 2, 6)]
    [0.5, 1.0, 1.0, 0.5]
    """
    rising = math.ceil(settings.warmup * n_steps)
    if step < rising:
        return (step + 1) / rising
    left = (n_steps - step) / max(1, n_steps - rising)
    if settings.decay == "cosine":
        return 0.5 - 0.5 * math.cos(math.pi * left)
    return left if settings.decay == "linear" else 1.0


def set_rate(optimizer: torch.optim.AdamW, lr: float) -> None:
    """Give each group its rate: lower layers the lower one."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["scale"]


def clip(optimizer: torch.optim.AdamW, weights: list[Tensor], max_norm: float) -> Tensor:
    """Let the next step scale down a gradient longer than this; gives back its length.

    If that is not finite, the step changes nothing.

    AdamW's fused step divides by `grad_scale`, as it does for torch's GradScaler, while it reads
    the gradient anyway: `clip_grad_norm_` would read and write all of it once more.
    """
    norm = torch.nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None])
    optimizer.grad_scale = (norm / max_norm).clamp(min=1).float()  # type: ignore[attr-defined]
    optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
    return norm


@contextmanager
def exchanged(weights: Sequence[Tensor], others: Sequence[Tensor]) -> Iterator[None]:
    """Let the weights hold other values for a while; if there are none, their own."""
    own = [weight.detach().clone() for weight in weights] if others else []
    with torch.no_grad():
        for weight, other in zip(weights, others, strict=bool(others)):
            weight.copy_(other)
    yield
    with torch.no_grad():
        for weight, before in zip(weights, own, strict=bool(own)):
            weight.copy_(before)


def moments(optimizer: torch.optim.AdamW) -> Iterator[tuple[str, Tensor]]:
    """What AdamW remembers, as named tensors."""
    for number, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            yield f"{number}.{key}", value


def set_moments(optimizer: torch.optim.AdamW, tensors: dict[str, Tensor]) -> None:
    """Let AdamW remember what `moments` gave."""
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".")
        states.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
