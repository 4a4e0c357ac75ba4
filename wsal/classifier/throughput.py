"""How fast training goes: for the progress bar and for trackers."""

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
from wsal.classifier.tracking import Tell, tracked
from wsal.classifier.training_plan import Plan
from wsal.classifier.training_run import Objective, TrainingRun
from wsal.progress import bar_with_note

LOG_STEPS = 10


class Meter:
    """Counts texts and tokens, and says so every few steps."""

    def __init__(
        self, lengths: np.ndarray, say: Callable[[int, str], None], tell: Tell, model: Any,  # noqa: ANN401
        peak: float | None,
    ) -> None:  # fmt: skip
        self.lengths, self.say, self.tell, self.peak = lengths, say, tell, peak
        self.start, self.n_texts, self.n_tokens, self.operations = time.perf_counter(), 0, 0, 0.0
        self.per_token, self.per_pair = operations(model)

    def advance(self, rows: Rows) -> None:
        """Count a step's texts."""
        lengths = self.lengths[rows].astype(np.float64)
        self.n_texts += len(rows)
        self.n_tokens += int(lengths.sum())
        self.operations += float(
            self.per_token * lengths.sum() + self.per_pair * (lengths**2).sum()
        )
        self.say(len(rows), "")

    def note(self, step: int, loss: float, norm: float, lr: float) -> None:
        """Say how it stands, and begin to count anew."""
        seconds = max(time.perf_counter() - self.start, 1e-9)
        rates = {"texts_per_s": self.n_texts / seconds, "tokens_per_s": self.n_tokens / seconds}
        note = f"loss {loss:.3f} · {rates['tokens_per_s']:,.0f} tokens/s"
        if self.peak:
            rates["share_of_peak"] = self.operations / seconds / (self.peak * processes.count())
            note += f" · {rates['share_of_peak']:.0%} of peak"
        self.say(0, note)
        self.tell({"loss": loss, "gradient": norm, "lr": lr, **rates}, step)
        self.start, self.n_texts, self.n_tokens, self.operations = time.perf_counter(), 0, 0, 0.0


def operations(model: Any) -> tuple[float, float]:  # noqa: ANN401
    """Of one training step: floating-point operations a token, and a pair of a text's tokens.

    Six a weight that is multiplied (two forward, four back); embeddings are only looked up.
    """
    weights = sum(w.numel() for name, w in model.named_parameters() if LAYER.search(name))
    config = model.config
    return 6.0 * weights, 12.0 * config.num_hidden_layers * config.hidden_size


@contextmanager
def metered(
    classifier: Classifier, plan: Plan, objective: Objective, course: TrainingRun
) -> Iterator[Meter]:
    """A meter with its bar and its tracker."""
    with (
        bar_with_note(course.what, len(plan.order), "texts", shown=processes.is_leader()) as say,
        tracked(course.tracker, course.what) as tell,
    ):
        peak = peak_flops(classifier.hardware)
        yield Meter(objective.lengths, say, tell, classifier.model, peak)
