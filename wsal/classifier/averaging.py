"""A weighted mean of the weights of a model at two times."""

from typing import Any

import torch

State = dict[str, torch.Tensor]


def copy_of_weights(model: Any) -> State:  # noqa: ANN401  a transformers model
    """The weights as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def average_with(model: Any, earlier: State, share: float) -> None:  # noqa: ANN401
    """Set every weight to `share` of its present value and the rest of its earlier value."""
    mean = {}
    for name, value in model.state_dict().items():
        is_weight = value.is_floating_point()  # and not a count
        mean[name] = share * value + (1 - share) * earlier[name] if is_weight else value
    model.load_state_dict(mean)
