"""When a training step does not fit into memory, it is computed in smaller parts."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wsal import processes
from wsal.arrays import Rows
from wsal.classifier.training_plan import token_batches
from wsal.classifier.training_run import Batch, Objective
from wsal.errors import ConfigError, ModelError
from wsal.settings import HardwareSettings

logger = logging.getLogger(__name__)

CPU_MESSAGE = "can't allocate memory"


class MemoryBudget:
    """The tokens that go through the model at once, and whether activations are recomputed."""

    def __init__(self, hardware: HardwareSettings, model: Any) -> None:  # noqa: ANN401
        self.model = model
        self.max_tokens = hardware.max_tokens
        self.recomputes = False
        if hardware.checkpointing:
            self._recompute()

    def restore(self, max_tokens: int, recomputes: int) -> None:
        """Continue with the budget of an earlier process of this training."""
        self.max_tokens = min(self.max_tokens, max_tokens)
        if recomputes and not self.recomputes:
            self._recompute()

    def shrink(self, longest: int) -> None:
        """Halve `max_tokens`, but to no less than the longest text; then recompute activations.

        Raises:
            ModelError: a single text does not fit even so.
        """
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.max_tokens > longest:
            self.max_tokens = max(self.max_tokens // 2, longest)
            message = f"continuing with {self.max_tokens:,} tokens at once, in the same steps"
        elif not self.recomputes and self.model.supports_gradient_checkpointing:
            self._recompute()
            message = "recomputing activations in the backward pass"
        else:
            raise ModelError(
                f"a single text of {longest:,} word pieces does not fit into memory; set a "
                "smaller encoder.max_length, a smaller encoder, or encoder.lora_rank=8"
            )
        logger.warning("memory ran out: %s (hardware.max_tokens=%s)", message, self.max_tokens)

    def _recompute(self) -> None:
        self.model.activation_checkpointing_enable()
        self.recomputes = True


def step_parts(objective: Objective, rows: Rows, max_tokens: int) -> list[Batch]:
    """The texts of a step in parts of at most `max_tokens`.

    Raises:
        ConfigError: the texts of a step depend on each other, but there are several parts or
            several processes.
    """
    cuts = token_batches(objective.lengths[rows], max_tokens)
    if objective.whole_steps and (len(cuts) > 1 or processes.count() > 1):
        raise ConfigError(
            "adapt=contrastive compares each text with the others of its step, so the step has to "
            "go through the model at once: set a smaller adapt.batch_size or a larger "
            "hardware.max_tokens, and use one process"
        )
    return [objective.batch(rows[cut]) for cut in cuts]


@contextmanager
def out_of_memory() -> Iterator[list[str]]:
    """Catch the error when memory runs out; the list that is yielded then gets its message.

    Only the message is kept: the error itself would keep alive all that fills the memory.
    """
    messages: list[str] = []
    try:
        yield messages
    except torch.OutOfMemoryError as error:
        messages.append(str(error))
    except RuntimeError as error:
        if CPU_MESSAGE not in str(error):
            raise
        messages.append(str(error))
