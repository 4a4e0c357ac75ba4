"""How good the classifier is that leaves, and how sure it may be; from gold never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsal.arrays import Classes, Probs, Weights
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.estimates import Sample, accuracy, macro_f1
from wsal.evaluation.metrics import calibration_error, evaluate
from wsal.export.calibration import temperature, tempered, thresholds
from wsal.labels import LabelSet
from wsal.seeding import rng
from wsal.stages.frames import Frame, gold_of, judge, read_frame

LEVEL = 0.9


@dataclass(frozen=True)
class Known:
    """What the classifier says of texts with gold; `said` and `sample` are of a whole frame."""

    name: str
    said: Probs
    sample: Sample

    @property
    def probs(self) -> Probs:
        """Of the texts with gold, `(texts, classes)`."""
        found: Probs = self.said[self.sample.rows]
        return found

    @property
    def gold(self) -> Classes:
        """Their classes."""
        return self.sample.gold

    @property
    def weights(self) -> Weights:
        """How many rows of the source each stands for."""
        found: Weights = self.sample.weights * self.sample.counted[self.sample.rows]
        return found


def for_calibration(
    pool: Artifact,
    classifier: Artifact,
    queries: Sequence[Artifact],
    annotations: Sequence[Artifact],
) -> Known | None:
    """The evaluation sample, else the dev split, else nothing: never the test split."""
    nothing = Frame(np.empty(0, np.int64), np.empty(0, np.int64))
    frame = read_frame(pool, queries[0]) if queries else nothing
    by = judge(pool, frame, annotations, ("dev",))
    return Known(by.name, _said(classifier, by.place), by.sample) if by else None


def for_measuring(pool: Artifact, classifier: Artifact, known: Known | None) -> Known | None:
    """The test split, else what calibrates, too."""
    if not (pool.path / "test.parquet").exists():
        return known
    gold, copies = gold_of(pool, "test")
    sample = Sample(np.arange(len(gold)), gold, np.zeros(len(gold), np.int64), copies)
    return Known("the test split", _said(classifier, "test"), sample)


def calibrated(known: Known | None, labels: LabelSet, precision: float) -> tuple[float, Facts]:
    """The temperature, and for each class the threshold for a precision, if gold tells them."""
    if known is None:
        return 1.0, {"precision": precision, "measured_on": None, "classes": {}}
    by = temperature(known.probs, known.gold, known.weights)
    found = thresholds(tempered(known.probs, by), known.gold, known.weights, labels, precision)
    return by, {"precision": precision, "measured_on": known.name, "classes": found}


def quality(known: Known | None, by: float, labels: LabelSet, seed: int) -> Facts:
    """Metrics of the classifier once its temperature is folded in, of a sample with intervals."""
    if known is None:
        return {"measured_on": None}
    after = tempered(known.probs, by)
    found: dict[str, Any] = {"measured_on": known.name}
    found |= evaluate(after, known.gold, known.weights, labels)
    found["calibration_error_before"] = calibration_error(known.probs, known.gold, known.weights)
    if len(known.said) > len(known.gold):
        found["n_texts"], whole = len(known.gold), tempered(known.said, by)
        for name, estimate in (("accuracy", accuracy), ("macro_f1", macro_f1)):
            one = estimate(known.sample, whole, rng(seed, "export", name), LEVEL)
            found |= {name: one.value, f"{name}_interval": [one.low, one.high]}
    return found


def _said(classifier: Artifact, place: str) -> Probs:
    path: Path = classifier.path / f"{place}_probs.npy"
    probs: Probs = np.load(path, allow_pickle=False)
    return probs
