"""How good the classifier is that leaves, and how sure it may be; from gold never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wsal.arrays import Classes, Probs, Weights
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.by_class import by_class
from wsal.evaluation.estimates import accuracy, macro_f1
from wsal.evaluation.metrics import calibration_error, evaluate
from wsal.evaluation.sample import Sample, whole_sample
from wsal.evaluation.trust import reliability, risk_coverage
from wsal.export.calibration import apply_temperature, fit_temperature, fit_thresholds
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import Frame, choose_reference, read_frame
from wsal.rounds.frame_periods import measured_part
from wsal.rounds.known_probs import known_probs, split_probs
from wsal.rounds.split_gold import gold_of, has_gold
from wsal.seeding import rng

LEVEL, FOLDS = 0.9, 5


@dataclass(frozen=True)
class LabelledSample:
    """Gold that was never trained on, and the classifier's predictions for it."""

    name: str
    all_probs: Probs  # (frame, classes): of all texts that the sample was drawn from
    sample: Sample

    @property
    def probs(self) -> Probs:
        """Predictions for the texts with gold, `(texts, classes)`."""
        probs: Probs = self.all_probs[self.sample.rows]
        return probs

    @property
    def gold(self) -> Classes:
        """Their classes."""
        return self.sample.gold

    @property
    def weights(self) -> Weights:
        """How many rows of the source each stands for."""
        weights: Weights = self.sample.weights * self.sample.n_copies[self.sample.rows]
        return weights


def for_calibration(
    pool: Artifact,
    classifier: Artifact,
    queries: Sequence[Artifact],
    annotations: Sequence[Artifact],
) -> LabelledSample | None:
    """The evaluation sample, else the dev split, else nothing: never the test split."""
    nothing = Frame(np.empty(0, np.int64), np.empty(0, np.int64))
    frame = read_frame(pool, queries[-1]) if queries else nothing
    frame = _predicted_part(measured_part(pool, frame, annotations), classifier)
    reference = choose_reference(pool, frame, annotations, classifier=classifier)
    if reference is None:
        return None
    probs = known_probs(classifier, "frame", frame.keys)[0] if reference.place == "frame" else None
    if probs is None:
        probs = split_probs(pool, classifier, "dev")
    return LabelledSample(reference.name, probs, reference.sample)


def _predicted_part(frame: Frame, classifier: Artifact) -> Frame:
    """The frame without texts that were not in the pool when the classifier was trained.

    They were withdrawn before, and have come back since.
    """
    _, missing = known_probs(classifier, "frame", frame.keys)
    if frame.keys is None or not len(missing):
        return frame
    kept = np.setdiff1d(np.arange(len(frame.rows)), missing)
    return replace(frame, rows=frame.rows[kept], stratum=frame.stratum[kept], keys=frame.keys[kept])


def for_measuring(
    pool: Artifact, classifier: Artifact, calibration: LabelledSample | None
) -> LabelledSample | None:
    """The test split; without one, the sample that calibrates."""
    if not has_gold(pool, "test"):
        return calibration
    probs = split_probs(pool, classifier, "test")
    gold, weights = gold_of(pool, "test")
    n = len(probs)
    sample = whole_sample(gold[:n], weights[:n], len(pool.facts["labels"]))
    return LabelledSample("the test split", probs, sample)


def calibrated(
    sample: LabelledSample | None, labels: LabelSet, precision: float
) -> tuple[float, Facts]:
    """The temperature, and for each class the threshold for a precision, if gold tells them."""
    if sample is None:
        return 1.0, {"precision": precision, "measured_on": None, "classes": {}}
    temperature = fit_temperature(sample.probs, sample.gold, sample.weights)
    thresholds = fit_thresholds(
        apply_temperature(sample.probs, temperature), sample.gold, sample.weights, labels, precision
    )
    return temperature, {"precision": precision, "measured_on": sample.name, "classes": thresholds}


def quality(
    sample: LabelledSample | None,
    calibrated_on: LabelledSample | None,
    temperature: float,
    thresholds: Facts,
    labels: LabelSet,
    seed: int,
) -> Facts:
    """Metrics of the classifier once its temperature is folded in, of a sample with intervals.

    They include F1 of each class with its interval, reliability, and risk by coverage. `n_texts`,
    and `n` of each class, count rows of the source in a split, and labelled texts in a sample.

    `at_thresholds` says for which share of the texts a class is named, and how many of these are
    right. Where the texts are those that set temperature and thresholds, each fifth of them is
    measured by what the other four set (`cross_fitted`): else they would look better than new ones.
    """
    if sample is None:
        return {"measured_on": None}
    same = sample is calibrated_on
    if same:
        after, named = _cross_fitted(sample, thresholds["precision"], labels, seed)
    else:
        after = apply_temperature(sample.probs, temperature)
        named = _named(after, thresholds["classes"], labels)
    metrics: dict[str, Any] = {"measured_on": sample.name, "cross_fitted": same}
    metrics |= evaluate(after, sample.gold, sample.weights, labels)
    of_classes = by_class(sample.gold, after.argmax(axis=1), sample.weights, len(labels))
    for name, of_class in metrics["classes"].items():
        f1 = of_classes.f1.plain(labels.index(name))
        of_class["f1_interval"] = [f1["low"], f1["high"]]
    metrics["reliability"] = reliability(after, sample.gold, sample.weights)
    metrics["risk_coverage"] = risk_coverage(after, sample.gold, sample.weights)
    metrics["calibration_error_before"] = calibration_error(
        sample.probs, sample.gold, sample.weights
    )
    right = after.argmax(axis=1) == sample.gold
    metrics["at_thresholds"] = {
        "share": float(np.average(named, weights=sample.weights)),
        "precision": float(np.average(right[named], weights=sample.weights[named]))
        if named.any()
        else None,
    }
    if len(sample.all_probs) > len(sample.gold):
        metrics |= in_labelled_texts(
            metrics, np.bincount(sample.gold, minlength=len(labels)), labels
        )
        metrics["n_texts"] = len(sample.gold)
        # as `assess` estimates them: a temperature does not change which class is likeliest
        for name, estimate in (("accuracy", accuracy), ("macro_f1", macro_f1)):
            value = estimate(sample.sample, sample.all_probs, rng(seed, "assess", name), LEVEL)
            metrics |= {name: value.value, f"{name}_interval": [value.low, value.high]}
    return metrics


def in_labelled_texts(metrics: Facts, n_of_class: np.ndarray, labels: LabelSet) -> Facts:
    """The `classes` of a sample's metrics, with the number of labelled texts of each as `n`.

    How many texts of the frame they stand for is `n_estimated`. `n_of_class` is `(classes,)`.
    """
    classes = {
        name: of_class | {"n": int(n_of_class[labels.index(name)]), "n_estimated": of_class["n"]}
        for name, of_class in metrics["classes"].items()
    }
    return {"classes": classes}


def _cross_fitted(
    sample: LabelledSample, precision: float, labels: LabelSet, seed: int
) -> tuple[Probs, np.ndarray]:
    """Of the gold texts: probabilities `(texts, classes)`, and whether each one's class is named.

    Both are by the temperature and the thresholds that the other folds set.
    """
    n = len(sample.gold)
    folds = rng(seed, "export", "folds").permutation(n) % FOLDS
    own = np.empty(sample.probs.shape, np.float32)
    named = np.zeros(n, dtype=bool)
    for fold in range(FOLDS):
        rest, held = folds != fold, folds == fold
        part = sample.probs[rest], sample.gold[rest], sample.weights[rest]
        temperature = fit_temperature(*part) if rest.any() else 1.0
        thresholds = fit_thresholds(
            apply_temperature(part[0], temperature), *part[1:], labels, precision
        )
        own[held] = apply_temperature(sample.probs[held], temperature)
        named[held] = _named(own[held], thresholds, labels)
    return own, named


def _named(probs: Probs, thresholds: Facts, labels: LabelSet) -> np.ndarray:
    """Whether each text's likeliest class reaches its threshold."""
    least = [thresholds[name]["threshold"] if name in thresholds else 0.0 for name in labels.names]
    reached = np.array([np.inf if value is None else value for value in least])
    named: np.ndarray = probs.max(axis=1) >= reached[probs.argmax(axis=1)]
    return named
