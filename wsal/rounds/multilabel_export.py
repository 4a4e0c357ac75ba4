"""An export where a text may have several classes: calibration, thresholds, quality."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from wsal.arrays import Probs
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.multilabel import METRICS, evaluate_sets, f1_thresholds
from wsal.evaluation.multilabel_estimates import estimate_sets
from wsal.export.base import ExportSettings
from wsal.export.multilabel_calibration import (
    apply_calibration,
    fit_calibration,
    fit_thresholds,
)
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import pool_probs, read_frame
from wsal.rounds.export_calibration import FOLDS, LEVEL, LabelledSample, in_labelled_texts
from wsal.rounds.known_probs import known_probs
from wsal.seeding import rng

MOST = 20_000  # texts of the pool by which thresholds are set without gold, about


@dataclass(frozen=True)
class Decisions:
    """How probabilities become decisions."""

    temperature: float
    bias: np.ndarray  # (classes,): added to logits
    limits: np.ndarray  # (classes,): thresholds; infinite for a class that is never named


def unlabelled_probs(pool: Artifact, classifier: Artifact, queries: Sequence[Artifact]) -> Probs:
    """Predictions for the frame or, where no round has laid one down, for some of the pool."""
    if queries and len((frame := read_frame(pool, queries[-1])).rows):
        probs = known_probs(classifier, "frame", frame.keys)[0]
        if probs is not None:
            return probs
    of_pool = pool_probs(Artifact.open(pool.path.parent / "embeddings"))
    return of_pool[:: max(len(of_pool) // MOST, 1)].astype(np.float32)


def decisions_of(
    unlabelled: Callable[[], Probs],
    labels: LabelSet,
    settings: ExportSettings,
    gold: LabelledSample | None,
) -> tuple[Decisions, Facts]:
    """Calibration and thresholds; without gold, thresholds by the probabilities as they are.

    The facts are the content of thresholds.json.
    """
    n = len(labels)
    precision, target = settings.precision, settings.multilabel_target
    about: Facts = {"precision": precision, "target": target, "measured_on": None, "classes": {}}
    if gold is None:
        probs = unlabelled()
        limits = f1_thresholds(probs) if len(probs) else np.full(n, 0.5)
        named = zip(labels.names, limits.tolist(), strict=True)
        about["target"] = "f1"
        about["classes"] = {name: {"threshold": limit, "n": 0} for name, limit in named}
        return Decisions(1.0, np.zeros(n), limits), about
    sets = gold.gold.astype(bool)
    temperature, bias = fit_calibration(gold.probs, sets, gold.weights)
    calibrated = partial(apply_calibration, temperature=temperature, bias=bias)
    thresholds = fit_thresholds(
        calibrated(gold.all_probs), calibrated(gold.probs), sets, gold.weights, labels,
        precision, target,
    )  # fmt: skip
    found = [thresholds[name]["threshold"] for name in labels.names]
    about |= {"measured_on": gold.name, "classes": thresholds}
    numbers = np.array([np.inf if limit is None else limit for limit in found], dtype=np.float64)
    return Decisions(temperature, bias, numbers), about


def quality_of_sets(
    measured: LabelledSample | None,
    calibrated_on: LabelledSample | None,
    decisions: Decisions,
    labels: LabelSet,
    seed: int,
    again: Callable[[LabelledSample], tuple[Decisions, Facts]],
) -> Facts:
    """Metrics at the thresholds of the export, of a sample with intervals.

    Where the texts are those that set the thresholds, each fifth of them is measured by what the
    other four set (`cross_fitted`): `again` makes decisions from some of the gold.
    """
    if measured is None:
        return {"measured_on": None}
    same = measured is calibrated_on
    chosen = _cross_fitted(measured, again, seed) if same else None
    probs, sample = measured.probs, measured.sample
    calibrated = apply_calibration(measured.all_probs, decisions.temperature, decisions.bias)
    limits: np.ndarray = decisions.limits
    if chosen is not None:  # probabilities are shifted so that one threshold fits all folds
        calibrated[sample.rows], limits = chosen, np.full(len(labels), 0.5)
        others = np.setdiff1d(np.arange(len(calibrated)), sample.rows)
        calibrated[others] = _centred(calibrated[others], decisions.limits)
    own = calibrated[sample.rows]
    metrics: dict[str, Any] = {"measured_on": measured.name, "cross_fitted": same}
    gold = (measured.gold, measured.weights, labels, limits)
    metrics |= evaluate_sets(own, *gold)
    before = evaluate_sets(probs, *gold)
    metrics["calibration_error_before"] = before["calibration_error"]
    if same:  # of centred probabilities it would mean nothing
        metrics["calibration_error"] = metrics["log_loss"] = None
    if len(measured.all_probs) > len(measured.gold):
        n_of_class = measured.gold.sum(axis=0)
        metrics |= in_labelled_texts(metrics, n_of_class, labels) | {"n_texts": len(measured.gold)}
        estimates = estimate_sets(sample, calibrated, limits, rng(seed, "export"), LEVEL)
        for name in METRICS:
            value = estimates[name]
            metrics |= {name: value.value, f"{name}_interval": [value.low, value.high]}
    return metrics


def _cross_fitted(
    gold: LabelledSample, again: Callable[[LabelledSample], tuple[Decisions, Facts]], seed: int
) -> Probs:
    """Centred probabilities of the gold texts, by what the other folds set."""
    n, own = len(gold.gold), np.empty(gold.probs.shape, np.float32)
    folds = rng(seed, "export", "folds").permutation(n) % min(FOLDS, max(n, 1))
    for fold in np.unique(folds):
        rest, held = np.flatnonzero(folds != fold), folds == fold
        if not len(rest):
            rest = np.flatnonzero(held)
        part = replace(gold.sample, rows=gold.sample.rows[rest], gold=gold.sample.gold[rest])
        decisions, _ = again(replace(gold, sample=part))
        probs = apply_calibration(gold.probs[held], decisions.temperature, decisions.bias)
        own[held] = _centred(probs, decisions.limits)
    return own


def _centred(probs: Probs, limits: np.ndarray) -> Probs:
    """Probabilities moved, in order, so that each class is decided at 0.5."""
    limits = np.minimum(limits, 2.0)  # above every probability
    below, above = probs / (2 * limits), 0.5 + (probs - limits) / (2 * np.maximum(1 - limits, 1e-9))
    centred: Probs = np.where(probs >= limits, np.clip(above, 0.5, 1), np.minimum(below, 0.4999999))
    return centred.astype(np.float32)
