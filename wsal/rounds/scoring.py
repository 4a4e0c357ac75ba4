"""Score a classifier on the splits that have gold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wsal.arrays import Classes, Probs, is_indicator_matrix
from wsal.artifacts import Artifact, Facts
from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import predict
from wsal.classifier.tokens import Tokens, read_tokens
from wsal.errors import ConfigError
from wsal.evaluation.metrics import evaluate
from wsal.evaluation.multilabel import evaluate_sets, f1_thresholds
from wsal.json_files import write_json
from wsal.labels import LabelSet
from wsal.rounds.known_probs import split_keys, write_probs
from wsal.rounds.split_gold import gold_of, has_gold
from wsal.training_settings import OptimizerSettings


def score_splits(
    out: Path,
    classifier: Classifier,
    pool: Artifact,
    tokens: Artifact,
    labels: LabelSet,
    more: Facts,
) -> Facts:
    """Write metrics.json for dev and test; returns accuracy, macro-F1 and other means.

    A split that does not exist, or whose gold labels are all parents, measures nothing.

    In a class tree, also those of each level, and the hierarchical metrics.

    The predictions for a split are kept in `dev_probs.npy` and `test_probs.npy`.
    """
    metrics: Facts = dict(more)
    for split in ("dev", "test"):
        if (pool.path / f"{split}.parquet").exists():
            probs = split_probs(classifier, tokens, split)
            write_probs(out, split, probs, split_keys(pool, split))
            if has_gold(pool, split):
                metrics[split] = score_on_gold(probs, pool, labels, split)
    write_json(out / "metrics.json", metrics)
    of_trees, of_sets = ("levels", "hierarchical"), ("micro_f1", "example_f1", "map")
    names = ("accuracy", "macro_f1", *of_trees, *of_sets)
    return {
        split: {name: metrics[split][name] for name in names if name in metrics[split]}
        for split in ("dev", "test")
        if split in metrics
    }


def split_probs(classifier: Classifier, tokens: Artifact, split: str) -> Probs:
    """The classifier's predictions for a split, `(texts, classes)`."""
    return predict(classifier, read_tokens(tokens.path / split), f"measure on {split}")[0]


def score_on_gold(probs: Probs, pool: Artifact, labels: LabelSet, split: str) -> dict[str, Any]:
    """The metrics of one split.

    Those of sets of classes are at thresholds for which no gold is needed; see `f1_thresholds`.
    """
    gold, weights = gold_of(pool, split)
    if is_indicator_matrix(gold):
        return evaluate_sets(probs, gold, weights, labels, f1_thresholds(probs))
    return evaluate(probs, gold, weights, labels)


def dev_texts(pool: Artifact, tokens: Artifact) -> tuple[Tokens, Classes] | None:
    """The texts of the dev split and their gold `(texts,)`; None if it has none."""
    if not has_gold(pool, "dev"):
        return None
    gold = gold_of(pool, "dev")[0]
    rows = np.flatnonzero(gold < len(pool.facts["labels"]))  # others are parents
    return read_tokens(tokens.path / "dev").take(rows), gold[rows]


def dev_score(
    classifier: Classifier, pool: Artifact, tokens: Artifact, labels: LabelSet,
    settings: OptimizerSettings,
) -> Callable[[], float] | None:  # fmt: skip
    """What early stopping looks at: macro-F1 on dev; None where it is off.

    Raises:
        ConfigError: it is on, and there is no dev split.
    """
    if not settings.patience:
        return None
    if not has_gold(pool, "dev"):
        raise ConfigError("patience looks at the dev split, and this data has none; use patience=0")

    def score() -> float:
        metrics = score_on_gold(split_probs(classifier, tokens, "dev"), pool, labels, "dev")
        return float(metrics["macro_f1"])

    return score
