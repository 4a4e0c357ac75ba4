"""The speed of training, for the progress bar and for trackers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from wsal import processes
from wsal.arrays import Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.hardware import peak_flops
from wsal.classifier.optimizer import LAYER
from wsal.classifier.tracking import Log, tracker_log
from wsal.classifier.training_plan import Plan
from wsal.classifier.training_run import Objective, TrainingRun
from wsal.progress import bar_with_note

LOG_STEPS = 10


class ThroughputMeter:
    """Counts texts and tokens, and reports loss and speed every few steps."""

    def __init__(
        self,
        lengths: np.ndarray,
        show: Callable[[int, str], None],
        log: Log,
        model: Any,  # noqa: ANN401
        peak: float | None,
    ) -> None:
        self.lengths = lengths
        self.show = show
        self.log = log
        self.peak = peak
        self.per_token, self.per_pair = operations(model)
        self._reset()

    def advance(self, rows: Rows) -> None:
        """Count the texts of a step."""
        lengths = self.lengths[rows].astype(np.float64)
        self.n_texts += len(rows)
        self.n_tokens += int(lengths.sum())
        self.n_operations += float(
            self.per_token * lengths.sum() + self.per_pair * (lengths**2).sum()
        )
        self.show(len(rows), "")

    def report(self, step: int, loss: float, norm: float, lr: float) -> None:
        """Show and log loss and speed since the report before."""
        seconds = max(time.perf_counter() - self.start, 1e-9)
        rates = {"texts_per_s": self.n_texts / seconds, "tokens_per_s": self.n_tokens / seconds}
        note = f"loss {loss:.3f} · {rates['tokens_per_s']:,.0f} tokens/s"
        if self.peak:
            peak = self.peak * processes.count()
            rates["share_of_peak"] = self.n_operations / seconds / peak
            note += f" · {rates['share_of_peak']:.0%} of peak"
        self.show(0, note)
        self.log({"loss": loss, "gradient": norm, "lr": lr, **rates}, step)
        self._reset()

    def _reset(self) -> None:
        self.start = time.perf_counter()
        self.n_texts = 0
        self.n_tokens = 0
        self.n_operations = 0.0


def operations(model: Any) -> tuple[float, float]:  # noqa: ANN401
    """Floating-point operations of a training step for each token, and for each pair of a text's.

    They are six for each weight in a product (two forward, four backward); embeddings are only
    looked up.
    """
    weights = sum(w.numel() for name, w in model.named_parameters() if LAYER.search(name))
    config = model.config
    return 6.0 * weights, 12.0 * config.num_hidden_layers * config.hidden_size


@contextmanager
def metered(
    classifier: Classifier, plan: Plan, objective: Objective, run: TrainingRun
) -> Iterator[ThroughputMeter]:
    """A meter with its progress bar and its tracker."""
    with (
        bar_with_note(run.title, len(plan.order), "texts", shown=processes.is_leader()) as show,
        tracker_log(run.tracker, run.title) as log,
    ):
        peak = peak_flops(classifier.hardware)
        yield ThroughputMeter(objective.lengths, show, log, classifier.model, peak)
