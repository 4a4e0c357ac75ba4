"""An export where a text may have several classes: calibration, thresholds, quality, folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wsal.arrays import Mask, Probs, Weights
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import Classifier
from wsal.evaluation.multilabel import METRICS, evaluate_sets, f1_thresholds
from wsal.evaluation.multilabel_estimates import estimate_sets
from wsal.evaluation.sample import Sample
from wsal.evaluation.sampling import NO_ROWS
from wsal.export.base import ExportSettings
from wsal.export.multilabel_calibration import (
    Target,
    apply_calibration,
    fit_calibration,
    fit_thresholds,
    fold_calibration,
)
from wsal.export.multilabel_card import multilabel_card
from wsal.json_files import write_json
from wsal.labels import LabelSet
from wsal.rounds.evaluation_frame import Frame, frame_probs, pool_probs, read_frame
from wsal.rounds.exporting import ExportInputs, save_model, write_formats
from wsal.rounds.multilabel_assessment import choose_reference
from wsal.rounds.multilabel_gold import sets_of, whole_sample
from wsal.seeding import rng

LEVEL, FOLDS = 0.9, 5
MOST = 20_000  # texts of the pool by which thresholds are set without gold, about


@dataclass(frozen=True)
class LabelledSets:
    """Gold that was never trained on, and the classifier's predictions for it."""

    name: str
    frame: Probs  # (frame, classes): of all texts that the sample was drawn from
    sample: Sample

    @property
    def probs(self) -> Probs:
        """`(texts, classes)`, of the gold texts."""
        probs: Probs = self.frame[self.sample.rows]
        return probs

    @property
    def gold(self) -> Mask:
        """`(texts, classes)`."""
        return np.asarray(self.sample.gold, dtype=bool)

    @property
    def weights(self) -> Weights:
        """How many rows of the source each gold text stands for."""
        weights: Weights = self.sample.weights * self.sample.n_copies[self.sample.rows]
        return weights


@dataclass(frozen=True)
class Decisions:
    """How probabilities become decisions."""

    temperature: float
    bias: np.ndarray  # (classes,): added to logits
    limits: np.ndarray  # (classes,): thresholds; infinite for a class that is never named


def labelled_sets(
    pool: Artifact,
    embeddings: Callable[[], Artifact],
    classifier: Artifact,
    queries: Sequence[Artifact],
    annotations: Sequence[Artifact],
) -> tuple[LabelledSets | None, Probs]:
    """The evaluation sample, else dev, else None; and predictions for the texts of the frame."""
    frame = read_frame(pool, queries[-1]) if queries else Frame(NO_ROWS, NO_ROWS)
    if len(frame.rows):
        of_frame = frame_probs(embeddings(), classifier, frame)
    else:  # no round: the weakly trained classifier, on some texts of the pool
        of_pool = pool_probs(embeddings())
        of_frame = of_pool[:: max(len(of_pool) // MOST, 1)].astype(np.float32)
    reference = choose_reference(pool, frame, annotations)
    if reference is None:
        return None, of_frame
    probs = of_frame
    if reference.place == "dev":
        probs = np.load(classifier.path / "dev_probs.npy", allow_pickle=False)
    return LabelledSets(reference.name, probs, reference.sample), of_frame


def of_test(pool: Artifact, classifier: Artifact) -> LabelledSets | None:
    """The test split, if there is one."""
    if not (pool.path / "test.parquet").exists():
        return None
    probs = np.load(classifier.path / "test_probs.npy", allow_pickle=False)
    return LabelledSets("the test split", probs, whole_sample(*sets_of(pool, "test")))


def decide(
    gold: LabelledSets | None, frame: Probs, labels: LabelSet, precision: float, target: Target
) -> tuple[Decisions, Facts]:
    """Calibration and thresholds; without gold, thresholds by the probabilities as they are."""
    n = len(labels)
    about: Facts = {"precision": precision, "target": target, "measured_on": None, "classes": {}}
    if gold is None:
        limits = f1_thresholds(frame) if len(frame) else np.full(n, 0.5)
        named = zip(labels.names, limits.tolist(), strict=True)
        about["target"] = "f1"
        about["classes"] = {name: {"threshold": limit, "n": 0} for name, limit in named}
        return Decisions(1.0, np.zeros(n), limits), about
    temperature, bias = fit_calibration(gold.probs, gold.gold, gold.weights)
    calibrated = partial(apply_calibration, temperature=temperature, bias=bias)
    thresholds = fit_thresholds(
        calibrated(gold.frame), calibrated(gold.probs), gold.gold, gold.weights, labels,
        precision, target,
    )  # fmt: skip
    found = [thresholds[name]["threshold"] for name in labels.names]
    about |= {"measured_on": gold.name, "classes": thresholds}
    numbers = np.array([np.inf if limit is None else limit for limit in found], dtype=np.float64)
    return Decisions(temperature, bias, numbers), about


def quality(
    measured: LabelledSets | None,
    calibrated_on: LabelledSets | None,
    decisions: Decisions,
    labels: LabelSet,
    seed: int,
    again: Callable[[LabelledSets], Decisions],
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
    calibrated = apply_calibration(measured.frame, decisions.temperature, decisions.bias)
    limits: np.ndarray = decisions.limits
    if chosen is not None:  # probabilities are shifted so that one threshold fits all folds
        calibrated[sample.rows], limits = chosen, np.full(len(labels), 0.5)
        others = np.setdiff1d(np.arange(len(calibrated)), sample.rows)
        calibrated[others] = _centred(calibrated[others], decisions.limits)
    own = calibrated[sample.rows]
    metrics: dict[str, Any] = {"measured_on": measured.name, "cross_fitted": same}
    metrics |= evaluate_sets(own, measured.gold, measured.weights, labels, limits)
    before = evaluate_sets(probs, measured.gold, measured.weights, labels, limits)
    metrics["calibration_error_before"] = before["calibration_error"]
    if same:  # of centred probabilities it would mean nothing
        metrics["calibration_error"] = metrics["log_loss"] = None
    if len(measured.frame) > len(measured.gold):
        metrics["n_texts"] = len(measured.gold)
        estimates = estimate_sets(sample, calibrated, limits, rng(seed, "export"), LEVEL)
        for name in METRICS:
            value = estimates[name]
            metrics |= {name: value.value, f"{name}_interval": [value.low, value.high]}
    return metrics


def _cross_fitted(
    gold: LabelledSets, again: Callable[[LabelledSets], Decisions], seed: int
) -> Probs:
    """Centred probabilities of the gold texts, by what the other folds set."""
    n, own = len(gold.gold), np.empty(gold.probs.shape, np.float32)
    folds = rng(seed, "export", "folds").permutation(n) % min(FOLDS, max(n, 1))
    for fold in np.unique(folds):
        rest, held = np.flatnonzero(folds != fold), folds == fold
        if not len(rest):
            rest = np.flatnonzero(held)
        part = replace(gold.sample, rows=gold.sample.rows[rest], gold=gold.sample.gold[rest])
        decisions = again(replace(gold, sample=part))
        probs = apply_calibration(gold.probs[held], decisions.temperature, decisions.bias)
        own[held] = _centred(probs, decisions.limits)
    return own


def _centred(probs: Probs, limits: np.ndarray) -> Probs:
    """Probabilities moved, in order, so that each class is decided at 0.5."""
    limits = np.minimum(limits, 2.0)  # above every probability
    below, above = probs / (2 * limits), 0.5 + (probs - limits) / (2 * np.maximum(1 - limits, 1e-9))
    centred: Probs = np.where(probs >= limits, np.clip(above, 0.5, 1), np.minimum(below, 0.4999999))
    return centred.astype(np.float32)


def write_multilabel_export(
    out: Path,
    model: Classifier,
    inputs: ExportInputs,
    settings: ExportSettings,
    seed: int,
    gold: LabelledSets | None,
    measured: LabelledSets | None,
    frame: Probs,
) -> Facts:
    """What `wsal.rounds.exporting.write_export` writes, without plots and labelled texts.

    Calibration is folded into the last layer; `config.json` says `multi_label_classification`.
    """
    labels, wanted = inputs.labels, (settings.precision, settings.multilabel_target)
    decisions, thresholds = decide(gold, frame, labels, *wanted)

    def again(part: LabelledSets) -> Decisions:
        return decide(part, frame, labels, *wanted)[0]

    metrics = quality(measured, gold, decisions, labels, seed, again)
    metrics |= {
        "temperature": decisions.temperature,
        "calibrated_on": gold.name if gold else None,
        "n_gold": inputs.n_gold,
    }
    fold_calibration(model.model, decisions.temperature, decisions.bias)
    digest = save_model(model, out, inputs, decisions.temperature)
    write_json(out / "labels.json", list(labels.names))
    write_json(out / "thresholds.json", thresholds)
    write_json(out / "metrics.json", {**metrics, "made_from": dict(inputs.made_from)})
    inputs = replace(inputs, limits=decisions.limits)
    parity = write_formats(model, out, inputs, settings, seed, with_embedding=False)
    write_json(out / "parity.json", parity)
    about = {"labels": labels.names, "text_fields": inputs.text_fields, **inputs.card}
    card = multilabel_card(about, metrics, thresholds, parity, model.encoder.max_length)
    (out / "README.md").write_text(card)
    formats = {
        name: facts.get("left_out") or round(facts["agreement"], 5)
        for name, facts in parity["formats"].items()
    }
    return {
        "digest": digest,
        "formats": formats,
        "n_gold": inputs.n_gold,
        "temperature": round(decisions.temperature, 4),
    }
