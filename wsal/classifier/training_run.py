"""What a training is told: what to learn from texts, how, and where to keep what it has learnt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from wsal.arrays import Rows
from wsal.settings import OptimizerSettings, TrackerSettings

Batch = dict[str, Tensor]
UNTOLD = TrackerSettings("none")


class Objective(Protocol):
    """What is learnt from texts."""

    @property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces."""
        ...

    @property
    def whole_steps(self) -> bool:
        """Whether a text's loss depends on the other texts of its step."""
        ...

    def used(self) -> np.ndarray | None:
        """The word pieces that learn: those that occur; None: all, since others are predicted."""
        ...

    def batch(self, rows: Rows) -> Batch:
        """Some of the texts as tensors on the CPU."""
        ...

    def losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """One loss a text, times its weight."""
        ...


@dataclass(frozen=True)
class TrainingRun:
    """What a training is told beside its texts."""

    settings: OptimizerSettings
    scratch: Path
    """Where its checkpoints lie."""
    seed: int
    what: str
    """Its name on the progress bar and with trackers."""
    tracker: TrackerSettings = UNTOLD
    score: Callable[[], float] | None = None
    """Quality on the dev split, higher is better; needed where `patience` is set."""
