"""Votes as the label model reads them; weak labels as the label model writes them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from wsal import tables
from wsal.arrays import Classes, Prior, Probs, Rows
from wsal.artifacts import Artifact, Facts
from wsal.errors import ConfigError, ModelError, did_you_mean
from wsal.evaluation.metrics import evaluate
from wsal.label_models.base import FittedLabelModel
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.rounds.answered import ANSWERED_FILE, write_rules_alone
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.sources import LLMAnswers, weigh_answers
from wsal.settings import AggregateSettings
from wsal.text import clean_text

SUM_ERROR = 1e-3
"""By how much the probabilities of a text, in float32, may miss 1."""


@dataclass(frozen=True)
class WeakTable:
    """The weak labels of a pool, row by row."""

    probs: Probs  # (texts, classes)
    n_votes: np.ndarray  # (texts,); 0: every rule abstained
    used: np.ndarray  # (texts,) bool: whether the weak label is trained on


def weak_table(
    fitted: FittedLabelModel, votes: SparseVotes, settings: AggregateSettings, labels: LabelSet
) -> WeakTable:
    """What a label model makes of the votes, with uncovered texts as the settings want them."""
    covered = votes.n_votes > 0
    probs = fill_uncovered(probs_of(fitted, votes), covered, settings, labels)
    return WeakTable(probs, votes.n_votes, covered | (settings.uncovered != "drop"))


def write_weak_labels(
    out: Path,
    pool: Artifact,
    votes: SparseVotes,
    fitted: FittedLabelModel,
    settings: AggregateSettings,
    labels: LabelSet,
    llm: tuple[LLMAnswers, Classes] | None = None,
) -> Facts:
    """weak_labels.parquet and label_model.safetensors.

    `llm` has answers of a language model to train on, and `(texts,)` gold, -1 where there is none.
    With it there are also rules_alone.parquet, what the rules say without the answers, and
    answered.npy, the rows of the pool that were answered.
    """
    table = weak_table(fitted, votes, settings, labels)
    ids = tables.column(pool.path / "pool.parquet", "id")
    facts: Facts = {}
    if llm is not None:
        write_rules_alone(out, ids, table.probs, table.n_votes > 0)
        table, facts = with_answers(table, *llm)
        np.save(out / ANSWERED_FILE, llm[0].rows)
    weak = pl.DataFrame(
        {
            "id": ids,
            "probs": pl.Series(table.probs, dtype=pl.Array(pl.Float32, len(labels))),
            "n_votes": table.n_votes,
            "used": table.used,
        }
    )
    tables.write(weak, out / "weak_labels.parquet", tables.weak_schema(len(labels)))
    arrays = {name: np.ascontiguousarray(a) for name, a in fitted.arrays().items()}
    save_file(arrays, out / "label_model.safetensors")  # npz would hold the time of day
    n_covered = int((table.n_votes > 0).sum())
    facts |= {"n_texts": len(weak), "n_covered": n_covered, "label_model": fitted.why()}
    return facts


def with_answers(table: WeakTable, answers: LLMAnswers, gold: Classes) -> tuple[WeakTable, Facts]:
    """The weak labels with the answers of a language model, and how far these are trusted.

    `answers` are those to train on; `gold` `(texts,)` has -1 where there is none.
    """
    rows = answers.rows
    rules, has_vote = table.probs[rows], table.n_votes[rows] > 0
    weight = weigh_answers(answers, rules, has_vote, gold[rows])
    probs, used = table.probs.copy(), table.used.copy()
    probs[rows], used[rows] = weight.combine(rules, has_vote, answers), True
    return WeakTable(probs, table.n_votes, used), {"n_answered": len(rows), "llm": weight.why()}


def on_gold(
    fitted: FittedLabelModel,
    pool: Artifact,
    votes: Artifact,
    settings: AggregateSettings,
    labels: LabelSet,
    words: AnsweredWords | None = None,
) -> Facts:
    """`score_rules` on dev and test, where they exist; with the votes of answered `words`."""
    metrics = {}
    words = words or AnsweredWords(labels, {})
    for split in ("dev", "test"):
        if (path := pool.path / f"{split}.parquet").exists():
            records, split_votes = tables.read(path), words.read_votes(votes, pool, split)
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

    `records` has the columns `label` (class) and `n_copies`. An uncovered text counts as the
    default class or, without one, as the most frequent class of the weak labels; `covered` has the
    numbers of texts with a vote alone.
    """
    probs, covered = probs_of(fitted, votes), votes.n_votes > 0
    gold = records["label"].to_numpy().astype(np.int64)
    weights = records["n_copies"].to_numpy().astype(np.float64)
    shares: Facts = {"coverage": float(np.average(covered, weights=weights)), "accuracy": None}
    if covered.any():
        alone = evaluate(probs[covered], gold[covered], weights[covered], labels)
        shares |= {name: alone[name] for name in ("accuracy", "log_loss", "calibration_error")}
        if settings.uncovered != "default":
            likeliest = int(probs[covered].sum(axis=0).argmax())
            probs[~covered] = _mostly(likeliest, len(labels))
    if settings.uncovered == "default":
        probs = fill_uncovered(probs, covered, settings, labels)
    return evaluate(probs, gold, weights, labels) | {"covered": shares}


def probs_of(fitted: FittedLabelModel, matrix: SparseVotes) -> Probs:
    """`(texts, classes)`: what a label model says of the votes, once seen to be probabilities.

    Raises:
        ModelError: some are not: NaN, infinite, below 0, or not 1 in sum.
    """
    probs = fitted.predict_proba(matrix)
    good = np.isfinite(probs).all(axis=1) & (probs >= 0).all(axis=1)
    good &= np.abs(probs.sum(axis=1, dtype=np.float64) - 1) < SUM_ERROR
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ModelError(
            f"the label model ({fitted.why()}) gives no probabilities for {int((~good).sum()):,} "
            f"of {len(good):,} texts: {[float(p) for p in probs[row, :5]]} for the text in row "
            f"{row + 1:,}, where numbers from 0 to 1 that sum to 1 were expected; use another "
            "(label_model=auto), or check the settings of this one"
        )
    return probs


def headline(metrics: Facts) -> Facts:
    """What a manifest keeps of `on_gold`: no quality of a split on which no rule votes."""
    covered = {split: numbers["covered"] for split, numbers in metrics.items()}
    names = ("accuracy", "macro_f1")
    quality = {s: {n: m[n] for n in names} for s, m in metrics.items() if covered[s]["coverage"]}
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
        probs[~covered] = _mostly(
            labels.index(clean_text(settings.default_class) or settings.default_class), len(labels)
        )
    return probs


def class_prior(settings: AggregateSettings, labels: LabelSet) -> Prior | None:
    """The prior `(classes,)` in the order of the classes.

    Raises:
        ConfigError: a class is missing, unknown, or has no share.
    """
    if settings.prior is None:
        return None
    given = {clean_text(name) or name: share for name, share in settings.prior.items()}
    for name in given:
        if name not in labels:
            raise ConfigError(
                f"aggregate.prior has class {name!r}{did_you_mean(name, labels.names)}"
            )
    missing = [name for name in labels.names if not given.get(name)]
    if missing:
        raise ConfigError(
            f"aggregate.prior has no share above 0 for {missing}; give one for every class"
        )
    shares = np.array([given[name] for name in labels.names])
    prior: Prior = shares / shares.sum()
    return prior


def _mostly(label: int, n_classes: int) -> Probs:
    """Half of the mass on one class, half on all."""
    half: Probs = np.eye(n_classes, dtype=np.float32)[label] * 0.5 + 0.5 / n_classes
    return half


def usable(weak_labels: Artifact) -> Rows:
    """The rows of the pool whose weak label is trained on."""
    used = tables.column(weak_labels.path / "weak_labels.parquet", "used")
    return np.flatnonzero(used.to_numpy())


def confidence_weights(probs: Probs) -> np.ndarray:
    """How much each weak label counts: its largest probability, by the mean of all of them.

    >>> confidence_weights(np.array([[0.5, 0.5], [0.0, 1.0]])).round(2).tolist()
    [0.67, 1.33]
    """
    confidence = np.max(probs, axis=1, initial=0)
    weights: np.ndarray = confidence / max(confidence.mean() if len(confidence) else 1, 1e-9)
    return weights
