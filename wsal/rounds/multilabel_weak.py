"""Weak labels where a text may have several classes: checks, and quality on gold."""

from collections.abc import Mapping

import numpy as np

from wsal import tables
from wsal.artifacts import Artifact, Facts
from wsal.errors import ConfigError, did_you_mean
from wsal.evaluation.multilabel import evaluate_sets
from wsal.label_models.multilabel import FittedMultilabel
from wsal.labels import LabelSet
from wsal.rounds.multilabel_gold import sets_in
from wsal.rounds.vote_tables import read_votes
from wsal.text import clean_text

HALF = 0.5
"""Weak labels are judged at this threshold: they are nearly all close to 0 or 1."""


def prior_of(prior: Mapping[str, float] | None, labels: LabelSet) -> np.ndarray | None:
    """`aggregate.prior` as the share of texts that have each class, `(classes,)`.

    Raises:
        ConfigError: a class is missing or unknown, or a share is not between 0 and 1.
    """
    if prior is None:
        return None
    given = {clean_text(name) or name: share for name, share in prior.items()}
    for name, share in given.items():
        if name not in labels:
            raise ConfigError(
                f"aggregate.prior has class {name!r}{did_you_mean(name, labels.names)}"
            )
        if not 0 < share < 1:
            raise ConfigError(
                f"aggregate.prior has the share {share} for {name!r}; with several classes per "
                "text, expected the share of the texts that have the class, between 0 and 1"
            )
    if missing := [name for name in labels.names if name not in given]:
        raise ConfigError(f"aggregate.prior has no share for {missing}; give one for every class")
    return np.array([given[name] for name in labels.names])


def on_gold(fitted: FittedMultilabel, pool: Artifact, votes: Artifact, labels: LabelSet) -> Facts:
    """How good the rules are without a classifier, on dev and test, where they exist."""
    metrics = {}
    for split in ("dev", "test"):
        if (path := pool.path / f"{split}.parquet").exists():
            split_votes = read_votes(votes, split)
            gold, weights = sets_in(tables.read(path), len(labels))
            probs, covered = fitted.predict_proba(split_votes), split_votes.n_votes > 0
            numbers = evaluate_sets(probs, gold, weights, labels, np.full(len(labels), HALF))
            shares = {"coverage": float(np.average(covered, weights=weights)), "accuracy": None}
            names = ("accuracy", "log_loss", "calibration_error")
            if covered.any():
                shares |= {name: numbers[name] for name in names}
            metrics[split] = numbers | {"covered": shares}
    return metrics
