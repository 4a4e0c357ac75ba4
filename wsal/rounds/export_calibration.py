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
from wsal.export.calibration import apply_temperature, fit_temperature, fit_thresholds
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import Frame, choose_reference, gold_of, read_frame
from wsal.seeding import rng

LEVEL, FOLDS = 0.9, 5


@dataclass(frozen=True)
class LabelledSample:
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
) -> LabelledSample | None:
    """The evaluation sample, else the dev split, else nothing: never the test split."""
    nothing = Frame(np.empty(0, np.int64), np.empty(0, np.int64))
    frame = read_frame(pool, queries[0]) if queries else nothing
    by = choose_reference(pool, frame, annotations)
    return LabelledSample(by.name, _said(classifier, by.place), by.sample) if by else None


def for_measuring(
    pool: Artifact, classifier: Artifact, known: LabelledSample | None
) -> LabelledSample | None:
    """The test split, else what calibrates, too."""
    if not (pool.path / "test.parquet").exists():
        return known
    gold, copies = gold_of(pool, "test")
    sample = Sample(np.arange(len(gold)), gold, np.zeros(len(gold), np.int64), copies)
    return LabelledSample("the test split", _said(classifier, "test"), sample)


def calibrated(
    known: LabelledSample | None, labels: LabelSet, precision: float
) -> tuple[float, Facts]:
    """The temperature, and for each class the threshold for a precision, if gold tells them."""
    if known is None:
        return 1.0, {"precision": precision, "measured_on": None, "classes": {}}
    by = fit_temperature(known.probs, known.gold, known.weights)
    found = fit_thresholds(
        apply_temperature(known.probs, by), known.gold, known.weights, labels, precision
    )
    return by, {"precision": precision, "measured_on": known.name, "classes": found}


def quality(
    known: LabelledSample | None, calibrated_on: LabelledSample | None, by: float, limits: Facts,
    labels: LabelSet,
    seed: int,
) -> Facts:  # fmt: skip
    """Metrics of the classifier once its temperature is folded in, of a sample with intervals.

    `at_thresholds` says for which share of the texts a class is named, and how many of these are
    right. Where the texts are those that set temperature and thresholds, each fifth of them is
    judged by what the other four set (`cross_fitted`): else they would look better than new ones.
    """
    if known is None:
        return {"measured_on": None}
    same = known is calibrated_on
    if same:
        whole, named = _cross_fitted(known, limits["precision"], labels, seed)
    else:
        whole = apply_temperature(known.said, by)
        named = _named(whole[known.sample.rows], limits["classes"], labels)
    after = whole[known.sample.rows]
    found: dict[str, Any] = {"measured_on": known.name, "cross_fitted": same}
    found |= evaluate(after, known.gold, known.weights, labels)
    found["calibration_error_before"] = calibration_error(known.probs, known.gold, known.weights)
    right = after.argmax(axis=1) == known.gold
    found["at_thresholds"] = {
        "share": float(np.average(named, weights=known.weights)),
        "precision": float(np.average(right[named], weights=known.weights[named]))
        if named.any()
        else None,
    }
    if len(known.said) > len(known.gold):
        found["n_texts"] = len(known.gold)
        for name, estimate in (("accuracy", accuracy), ("macro_f1", macro_f1)):
            value = estimate(known.sample, whole, rng(seed, "export", name), LEVEL)
            found |= {name: value.value, f"{name}_interval": [value.low, value.high]}
    return found


def _cross_fitted(
    known: LabelledSample, precision: float, labels: LabelSet, seed: int
) -> tuple[Probs, np.ndarray]:
    """Probabilities of all texts `(frame, classes)`, and whether each gold text's class is named.

    Those of a gold text are by the temperature that the other folds set, those of other texts the
    mean over the folds.
    """
    n = len(known.gold)
    folds = rng(seed, "export", "folds").permutation(n) % FOLDS
    whole, own = np.zeros(known.said.shape), np.empty(known.probs.shape, np.float32)
    named = np.zeros(n, dtype=bool)
    for fold in range(FOLDS):
        rest, held = folds != fold, folds == fold
        part = known.probs[rest], known.gold[rest], known.weights[rest]
        by = fit_temperature(*part) if rest.any() else 1.0
        limits = fit_thresholds(apply_temperature(part[0], by), *part[1:], labels, precision)
        own[held] = apply_temperature(known.probs[held], by)
        named[held] = _named(own[held], limits, labels)
        whole += apply_temperature(known.said, by) / FOLDS
    whole[known.sample.rows] = own
    probs: Probs = whole.astype(np.float32)
    return probs, named


def _named(probs: Probs, limits: Facts, labels: LabelSet) -> np.ndarray:
    """Whether each text's likeliest class reaches its threshold."""
    least = [limits[name]["threshold"] if name in limits else 0.0 for name in labels.names]
    reached = np.array([np.inf if value is None else value for value in least])
    named: np.ndarray = probs.max(axis=1) >= reached[probs.argmax(axis=1)]
    return named


def _said(classifier: Artifact, place: str) -> Probs:
    path: Path = classifier.path / f"{place}_probs.npy"
    probs: Probs = np.load(path, allow_pickle=False)
    return probs
