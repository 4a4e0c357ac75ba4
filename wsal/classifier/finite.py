"""Stop at the first number that is infinite or NaN, before it is saved or used."""

import math
from collections.abc import Callable, Iterable, Sequence
from textwrap import shorten

import torch
from torch import Tensor

from wsal.classifier.training_run import TrainingRun
from wsal.errors import ModelError

MAX_TEXTS = 3  # in an error


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no number in the tensors is infinite or NaN, in one pass, without copies.

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

    From the first gradient that is not finite, the optimizer skips every step, so the weights stay
    as they were before it. Hence it is enough to call `check`, which waits for a GPU, only now and
    then.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, run: TrainingRun, n_done: int) -> None:
        self.optimizer = optimizer
        self.training_run = run
        device = optimizer.param_groups[0]["params"][0].device
        self.failed = torch.zeros((), device=device)  # 1 from the first bad gradient on
        self.n_good = torch.full((), float(n_done), device=device)

    def before_step(self, norm: Tensor) -> None:
        """Note the norm of the gradient that the optimizer is about to use."""
        self.failed = torch.maximum(self.failed, (~norm.isfinite()).float())
        self.n_good += 1 - self.failed
        self.optimizer.found_inf = self.failed  # type: ignore[attr-defined]

    def check(
        self,
        step: int,
        bad_texts: Callable[[int], list[str]],
        weights: Sequence[Tensor],
        loss: float = 0.0,
    ) -> None:
        """Return only if everything is finite after `step` steps.

        `bad_texts` returns the texts of a step, counted from 0, whose loss is not finite; `loss` is
        the mean since the last check. All processes of a training get the same result.

        Raises:
            ModelError: a gradient, the loss or a weight is infinite or NaN.
        """
        if self.failed:
            first = int(self.n_good)
            problem = f"the gradient of step {first + 1:,} is not finite{_named(bad_texts(first))}"
        elif not math.isfinite(loss):
            problem = f"the loss is {loss} at step {step:,}"
        elif not all_finite(weights):
            problem = f"a weight is not finite after step {step:,}"
        else:
            return
        raise ModelError(
            f"{self.training_run.title}: {problem}; none of this was saved. Set a smaller lr (now "
            f"{self.training_run.settings.lr:g}), or set encoder.precision=fp32 if it is not fp32"
        )


def must_be_finite(tensors: Iterable[Tensor], problem: str, texts: Sequence[str] = ()) -> None:
    """Return if all numbers are finite.

    Raises:
        ModelError: one is infinite or NaN; the message has `problem` and some of the texts.
    """
    if not all_finite(tensors):
        raise ModelError(
            f"{problem} not finite{_named(texts)}; set encoder.precision=fp32 if it is not fp32, "
            "or train again with a smaller lr"
        )


def _named(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    more = f" and {len(texts) - MAX_TEXTS} more" if len(texts) > MAX_TEXTS else ""
    shown = (repr(shorten(text, 80)) for text in texts[:MAX_TEXTS])
    return f", on {', '.join(shown)}{more}"
