"""Infinity and NaN stop the work where they appear, before anything is made of them."""

import math
from collections.abc import Callable, Iterable, Sequence
from textwrap import shorten

import torch
from torch import Tensor

from wsal.classifier.training_run import TrainingRun
from wsal.errors import ModelError

NAMED = 3  # texts that an error shows


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no number in the tensors is infinite or NaN. One pass, nothing is copied.

    >>> all_finite([torch.ones(2), torch.zeros(0)]), all_finite([torch.tensor([1.0, float("nan")])])
    (True, False)
    """
    floats = [t.detach() for t in tensors if t.is_floating_point() and t.numel()]
    if not floats:
        return True
    largest = torch.nn.utils.get_total_norm(floats, norm_type=math.inf)  # a sum could overflow
    return bool(largest.isfinite())


class DivergenceGuard:
    """Watches the steps of one training.

    From the first gradient on that is not finite, the optimizer leaves out every step, so the
    weights stay as they were before it. That needs no wait for a GPU; `check` does, now and then.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, course: TrainingRun, n_done: int) -> None:
        self.optimizer, self.course = optimizer, course
        device = optimizer.param_groups[0]["params"][0].device
        self.failed = torch.zeros((), device=device)  # 1 from the first bad gradient on
        self.n_good = torch.full((), float(n_done), device=device)

    def before_step(self, norm: Tensor) -> None:
        """Look at the length of the gradient that the optimizer is about to use."""
        self.failed = torch.maximum(self.failed, (~norm.isfinite()).float())
        self.n_good += 1 - self.failed
        self.optimizer.found_inf = self.failed  # type: ignore[attr-defined]

    def check(
        self, step: int, losing: Callable[[int], list[str]], weights: Sequence[Tensor],
        loss: float = 0.0,
    ) -> None:  # fmt: skip
        """Go on only if all is finite after `step` steps.

        `losing` gives the texts of a step, counted from 0, whose loss is not finite; `loss` is the
        mean since the last check. Every process of a training comes to the same verdict.

        Raises:
            ModelError: a gradient, the loss or a weight is infinite or NaN.
        """
        if self.failed:
            first = int(self.n_good)
            problem = f"the gradient of step {first + 1:,} is not finite{_named(losing(first))}"
        elif not math.isfinite(loss):
            problem = f"the loss is {loss} at step {step:,}"
        elif not all_finite(weights):
            problem = f"a weight is not finite after step {step:,}"
        else:
            return
        raise ModelError(
            f"{self.course.what}: {problem}; none of this was saved. Set a smaller lr (now "
            f"{self.course.settings.lr:g}), or encoder.precision=fp32 if it is not"
        )


def must_be_finite(tensors: Iterable[Tensor], problem: str, texts: Sequence[str] = ()) -> None:
    """Let finite numbers pass.

    Raises:
        ModelError: `problem` and the texts it arose on, if one is infinite or NaN.
    """
    if not all_finite(tensors):
        raise ModelError(
            f"{problem} not finite{_named(texts)}; set encoder.precision=fp32 if it is not, or "
            "train again with a smaller lr"
        )


def _named(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    shown = (repr(shorten(text, 80)) for text in texts[:NAMED])
    return f", on {', '.join(shown)}{more}"
