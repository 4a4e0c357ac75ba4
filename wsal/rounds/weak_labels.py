"""Weak labels: what a label model makes of votes, and how good that is."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Mask, Prior, Probs, is_indicator_matrix
from wsal.artifacts import Artifact, Facts
from wsal.errors import ConfigError, ModelError, did_you_mean
from wsal.evaluation.metrics import evaluate
from wsal.evaluation.multilabel import evaluate_sets
from wsal.label_models.base import FittedLabelModel
from wsal.label_models.multilabel import FittedMultilabel
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.split_gold import gold_in, has_gold
from wsal.settings import AggregateSettings
from wsal.text import clean_text

SUM_ERROR = 1e-3
"""By how much the probabilities of a text, in float32, may miss 1."""
HALF = 0.5
OF_COVERED = ("accuracy", "log_loss", "calibration_error")  # also of texts with a vote alone


@dataclass(frozen=True)
class WeakTable:
    """The weak labels of a pool, row by row."""

    probs: Probs  # (texts, classes)
    n_votes: np.ndarray  # (texts,); 0: every rule abstained
    used: Mask  # (texts,): whether the weak label is trained on


def weak_table(
    fitted: FittedLabelModel,
    votes: SparseVotes,
    settings: AggregateSettings,
    labels: LabelSet,
    first: int = 0,
) -> WeakTable:
    """What a label model makes of the votes, with uncovered texts as the settings want them.

    `first` is the row of the first text in the pool, for messages.
    """
    covered = votes.n_votes > 0
    probs = fill_uncovered(probs_of(fitted, votes, first), covered, settings, labels)
    return WeakTable(probs, votes.n_votes, covered | (settings.uncovered != "drop"))


def on_gold(
    fitted: FittedLabelModel,
    pool: Artifact,
    votes: Artifact,
    settings: AggregateSettings,
    labels: LabelSet,
    words: AnsweredWords | None = None,
) -> Facts:
    """`score_rules` on dev and test, where they measure classes; with votes of answered `words`."""
    metrics = {}
    words = words or AnsweredWords(labels, {})
    for split in ("dev", "test"):
        if has_gold(pool, split):
            records = tables.read(pool.path / f"{split}.parquet")
            split_votes = words.read_votes(votes, pool, split)
            metrics[split] = score_rules(fitted, split_votes, records, settings, labels)
    return metrics


def score_rules(
    fitted: FittedLabelModel,
    votes: SparseVotes,
    records: pl.DataFrame,
    settings: AggregateSettings,
    labels: LabelSet,
) -> Facts:
    """How good the rules are without a classifier, on texts with gold.

    `records` has the columns `label` (class or parent) and `n_copies`. An uncovered text counts as
    the default class or, without one, as the most frequent class of the weak labels; `covered` has
    the same metrics, only of texts with a vote. Where a text may have several classes, `label` is a
    set, and weak labels are judged at a threshold of 0.5: nearly all are close to 0 or 1.
    """
    probs, covered = probs_of(fitted, votes), votes.n_votes > 0
    gold, weights = gold_in(records, len(labels))
    shares: Facts = {"coverage": float(np.average(covered, weights=weights)), "accuracy": None}
    if is_indicator_matrix(gold):
        limits = np.full(len(labels), HALF)
        if covered.any():
            given = (probs[covered], gold[covered], weights[covered])
            alone = evaluate_sets(*given, labels, limits)
            shares |= {name: alone[name] for name in OF_COVERED}
        return evaluate_sets(probs, gold, weights, labels, limits) | {"covered": shares}
    known = covered & (gold < len(labels))  # by classes; gold may be a parent
    if known.any():
        alone = evaluate(probs[known], gold[known], weights[known], labels)
        shares |= {name: alone[name] for name in OF_COVERED}
        if settings.uncovered != "default":
            likeliest = int(probs[covered].sum(axis=0).argmax())
            probs[~covered] = _mostly(likeliest, len(labels))
    if settings.uncovered == "default":
        probs = fill_uncovered(probs, covered, settings, labels)
    return evaluate(probs, gold, weights, labels) | {"covered": shares}


def probs_of(fitted: FittedLabelModel, matrix: SparseVotes, first: int = 0) -> Probs:
    """`(texts, classes)`: what a label model says of the votes, once seen to be probabilities.

    Raises:
        ModelError: some are not: NaN, infinite, below 0, or not 1 in sum.
    """
    probs = fitted.predict_proba(matrix)
    good = np.asarray(np.isfinite(probs).all(axis=1) & (probs >= 0).all(axis=1))
    if isinstance(fitted, FittedMultilabel):
        good &= (probs <= 1).all(axis=1)
    else:
        good &= np.abs(probs.sum(axis=1, dtype=np.float64) - 1) < SUM_ERROR
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ModelError(
            f"the label model ({fitted.why()}) gives no probabilities for {int((~good).sum()):,} "
            f"of {len(good):,} texts: {[float(p) for p in probs[row, :5]]} for the text in row "
            f"{first + row + 1:,}, where numbers from 0 to 1 that sum to 1 were expected; use "
            "another (label_model=auto), or check the settings of this one"
        )
    return probs


def headline(metrics: Facts) -> Facts:
    """What a manifest keeps of `on_gold`: no quality of a split on which no rule votes."""
    covered = {split: numbers["covered"] for split, numbers in metrics.items()}
    names = ("accuracy", "macro_f1", "micro_f1", "example_f1", "map")  # of sets: all, else two
    quality = {
        s: {n: m[n] for n in names if n in m} for s, m in metrics.items() if covered[s]["coverage"]
    }
    return {"covered": covered} | quality


def fill_uncovered(
    probs: Probs, covered: np.ndarray, settings: AggregateSettings, labels: LabelSet
) -> Probs:
    """Weak labels with those of uncovered texts as the settings want them."""
    if settings.uncovered == "default":
        if settings.default_class is None:
            raise ConfigError(
                "aggregate.uncovered=default needs aggregate.default_class=CLASS, the class of "
                f"texts that no rule votes on; classes: {', '.join(labels.names)}"
            )
        default = labels.index(clean_text(settings.default_class) or settings.default_class)
        if default < 0:
            raise ConfigError(
                f"the class {settings.default_class!r} was removed, so it cannot be "
                "aggregate.default_class; choose another one"
            )
        probs[~covered] = _mostly(default, len(labels))
    return probs


def class_prior(
    settings: AggregateSettings, labels: LabelSet, *, multilabel: bool = False
) -> Prior | None:
    """The prior `(classes,)` in the order of the classes.

    With `multilabel`, shares need not sum to 1.

    Raises:
        ConfigError: a class is missing, unknown, or has no share or, with `multilabel`, a share
            of 1 or more.
    """
    if settings.prior is None:
        return None
    given = {clean_text(name) or name: share for name, share in settings.prior.items()}
    for name in given:
        if name not in labels and name not in labels.configured:
            raise ConfigError(
                f"aggregate.prior has class {name!r}{did_you_mean(name, labels.names)}"
            )
    shares = np.zeros(len(labels))
    for name, share in given.items():
        if (code := labels.code(name)) >= 0:  # a class that was split shares its own evenly
            shares += share * labels.members[code] / labels.members[code].sum()
    missing = [name for name, share in zip(labels.names, shares, strict=True) if not share]
    if missing:
        raise ConfigError(
            f"aggregate.prior has no share above 0 for {missing}; give one for every class"
        )
    if multilabel:
        if wrong := {name: share for name, share in given.items() if not 0 < share < 1}:
            raise ConfigError(
                f"aggregate.prior has the shares {wrong}; with several classes per text, expected "
                "the share of the texts that have each class, between 0 and 1"
            )
        return shares
    prior: Prior = shares / shares.sum()
    return prior


def _mostly(label: int, n_classes: int) -> Probs:
    """Half of the mass on one class, half on all."""
    half: Probs = np.eye(n_classes, dtype=np.float32)[label] * 0.5 + 0.5 / n_classes
    return half


def usable(weak_labels: Artifact) -> Mask:
    """Whether the weak label of each text of the pool is trained on, `(texts,)`."""
    used: Mask = tables.column(weak_labels.path / "weak_labels.parquet", "used").to_numpy()
    return used


def confidence_weights(probs: Probs) -> np.ndarray:
    """How much each weak label counts: its largest probability, by the mean of all of them.

    >>> confidence_weights(np.array([[0.5, 0.5], [0.0, 1.0]])).round(2).tolist()
    [0.67, 1.33]
    """
    confidence = np.max(probs, axis=1, initial=0)
    weights: np.ndarray = confidence / max(confidence.mean() if len(confidence) else 1, 1e-9)
    return weights
