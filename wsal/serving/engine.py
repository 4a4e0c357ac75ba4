"""What computes logits: a runtime, called with many batches at once, each on one core."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from wsal.arrays import Probs, Scores
from wsal.serving.exported import Exported
from wsal.serving.multilabel import close_to_thresholds, sigmoid

CPU_TOKENS = 1_024  # in a batch, padding included: on a CPU they stay in its cache
GPU_TOKENS = 65_536
MIN_TOKENS = 64  # with fewer in a batch, matrix products are no longer efficient
ROUNDING_MARGIN = {"onnx_int8": 2.0, "openvino": 1.0, "torch": 0.5}
"""A text whose two largest logits are nearer than this is computed again in fp32, so that rounding,
which changes logits by less, does not change its label: of 18,550 real titles none got another
label than in fp32. The unit is that of the logits before the temperature: exported logits were
divided by it, and rounding changes them by that much less."""

Run = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From `input_ids` and `attention_mask` `(texts, length)` to logits `(texts, classes)`; where the
model rejects texts, followed by their embeddings, `(texts, classes + dims)`."""


@dataclass(frozen=True)
class Engine:
    """A runtime with an exported model in it."""

    name: str
    exported: Exported
    run: Run
    exact: Run | None
    """Computes close calls again in fp32; None where `run` is exact."""
    n_threads: int
    max_tokens: int = CPU_TOKENS
    spreads: bool = True
    """Whether all threads share the work on a few texts. If so, batches, and the last digits of
    logits, depend on the number of threads."""

    def probs(self, pieces: Sequence[np.ndarray]) -> Probs:
        """Class probabilities `(texts, classes)` of texts, given as word pieces."""
        return self.answers(pieces)[0]

    def answers(self, pieces: Sequence[np.ndarray]) -> tuple[Probs, Scores | None]:
        """Class probabilities, and the scores by which the model rejects texts, if it does."""
        outputs = self._outputs(pieces)
        n_classes = len(self.exported.labels)
        as_probs = sigmoid if self.exported.multilabel else softmax
        scores = outputs[:, -1] if self.exported.rejection else None
        return as_probs(outputs[:, :n_classes]), scores

    def logits(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """Logits `(texts, classes)` of texts, given as word pieces."""
        return self._outputs(pieces)[:, : len(self.exported.labels)]

    def _outputs(self, pieces: Sequence[np.ndarray]) -> np.ndarray:
        """Logits `(texts, classes)`; then, where the model rejects texts, scores."""
        outputs = self._run_batches(self.run, pieces)
        logits = outputs[:, : len(self.exported.labels)]
        if self.exact is None or logits.shape[1] < 2:
            return outputs
        margin = ROUNDING_MARGIN[self.name] / self.exported.temperature
        if self.exported.multilabel:
            thresholds = self.exported.thresholds
            close = np.flatnonzero(close_to_thresholds(logits, thresholds, margin))
        else:
            largest = np.partition(logits, -2, axis=1)[:, -2:]
            close = np.flatnonzero(largest[:, 1] - largest[:, 0] < margin)
        if len(close):
            outputs[close] = self._run_batches(self.exact, [pieces[int(row)] for row in close])
        return outputs

    def _run_batches(self, run: Run, pieces: Sequence[np.ndarray]) -> np.ndarray:
        rejection, n_classes = self.exported.rejection, len(self.exported.labels)
        n_columns = n_classes + (rejection is not None)
        outputs = np.empty((len(pieces), n_columns), dtype=np.float32)

        def work(rows: np.ndarray) -> None:
            made = run(*self.exported.padded([pieces[int(row)] for row in rows]))
            outputs[rows, :n_classes] = made[:, :n_classes]
            if rejection is not None:
                outputs[rows, n_classes] = rejection.scores(made[:, n_classes:])

        lengths = np.array([len(ids) for ids in pieces])
        max_tokens = self.max_tokens
        if self.spreads:
            share = int(lengths.sum()) // self.n_threads + 1  # few texts: a batch for each thread
            max_tokens = min(max_tokens, max(share, MIN_TOKENS))
        batches = _batches(lengths, max_tokens)
        if self.n_threads == 1 or len(batches) == 1:
            for rows in batches:
                work(rows)
        else:
            # The longest first, so that the last batch to end is a short one.
            list(_threads(self.n_threads).map(work, reversed(batches)))
        return outputs


def softmax(logits: np.ndarray) -> Probs:
    """Rows that sum to 1.

    Not scipy's: importing scipy.special would take `wsal predict` a further 0.2 seconds.

    >>> softmax(np.array([[1.0, 1.0]])).tolist()
    [[0.5, 0.5]]
    """
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: Probs = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs


def cores() -> int:
    """Processor cores that this process may use; `OMP_NUM_THREADS` limits them."""
    has_affinity = hasattr(os, "sched_getaffinity")
    n = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(n, int(limit)) if limit.isdecimal() and int(limit) else n


def _batches(lengths: np.ndarray, max_tokens: int) -> list[np.ndarray]:
    """Rows in batches of nearly equal lengths, each of at most `max_tokens`, the shortest first."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for end in range(1, len(order) + 1):
        is_full = end == len(order) or (end + 1 - start) * lengths[order[end]] > max_tokens
        if is_full:
            batches.append(order[start:end])
            start = end
    return batches


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="wsal-engine")
