"""What to do when a step does not fit into memory: smaller parts, the same step."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wsal import processes
from wsal.errors import ConfigError, ModelError
from wsal.settings import HardwareSettings

CPU_SAYS = "can't allocate memory"


class MemoryBudget:
    """How many tokens go through the model at once, and whether activations are kept."""

    def __init__(self, hardware: HardwareSettings, model: Any) -> None:  # noqa: ANN401
        self.model = model
        self.max_tokens = hardware.max_tokens
        self.recomputes = False
        if hardware.checkpointing:
            self._recompute()

    def at_most(self, max_tokens: int, recomputes: int) -> None:
        """Go on with what an earlier try found to fit."""
        self.max_tokens = min(self.max_tokens, max_tokens)
        if recomputes and not self.recomputes:
            self._recompute()

    def make(self, longest: int) -> None:
        """Halve what goes through at once; at a single text, keep no activations; then give up.

        Raises:
            ModelError: a single text does not fit.
        """
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.max_tokens > longest:
            self.max_tokens = max(self.max_tokens // 2, longest)
            said = f"going on with {self.max_tokens:,} tokens at once, in the same steps"
        elif not self.recomputes and self.model.supports_gradient_checkpointing:
            self._recompute()
            said = "activations are computed anew in the backward pass"
        else:
            raise ModelError(
                f"a single text of {longest:,} word pieces does not fit into memory; give a "
                "smaller encoder.max_length, a smaller encoder, or encoder.lora_rank=8"
            )
        sys.stderr.write(f"memory ran out: {said} (hardware.max_tokens={self.max_tokens})\n")

    def _recompute(self) -> None:
        self.model.activation_checkpointing_enable()
        self.recomputes = True


def must_be_whole(n_parts: int) -> None:
    """Let a step go through the model at once.

    Raises:
        ConfigError: it would have to be cut, or is shared by processes.
    """
    if n_parts > 1 or processes.count() > 1:
        raise ConfigError(
            "adapt=contrastive sets each text against the others of its step, which has to go "
            "through the model whole: give a smaller adapt.batch_size or a larger "
            "hardware.max_tokens, and one process"
        )


@contextmanager
def out_of_memory() -> Iterator[list[str]]:
    """Hold back the error of memory running out; what is yielded then has its message.

    Only the message is kept: the error itself would keep alive all that fills the memory.
    """
    found: list[str] = []
    try:
        yield found
    except torch.OutOfMemoryError as error:
        found.append(str(error))
    except RuntimeError as error:
        if CPU_SAYS not in str(error):
            raise
        found.append(str(error))
