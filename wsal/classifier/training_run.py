"""What a training needs: an objective to minimise, and the settings of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from wsal.arrays import Rows
from wsal.settings import TrackerSettings
from wsal.training_settings import OptimizerSettings

Batch = dict[str, Tensor]
NO_TRACKER = TrackerSettings("none")


class Objective(Protocol):
    """A loss for each text of a set."""

    @property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces."""
        ...

    @property
    def whole_steps(self) -> bool:
        """Whether a text's loss depends on the other texts of its step."""
        ...

    def used(self) -> np.ndarray | None:
        """The word pieces whose embeddings are trained; None: all."""
        ...

    def batch(self, rows: Rows) -> Batch:
        """These texts as tensors on the CPU."""
        ...

    def losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """`(texts,)`: the loss of each text times its weight."""
        ...


@dataclass(frozen=True)
class TrainingRun:
    """How to train, and where to keep checkpoints."""

    settings: OptimizerSettings
    scratch: Path
    """The folder of the checkpoints."""
    seed: int
    title: str
    """Its name on the progress bar, in trackers and in errors."""
    tracker: TrackerSettings = NO_TRACKER
    score: Callable[[], float] | None = None
    """Quality on the dev split, higher is better; `patience` needs it."""
