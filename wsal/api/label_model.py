"""From votes to weak labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsal.api.pool import Pool
from wsal.api.voting import PoolVotes
from wsal.arrays import Prior, Probs
from wsal.artifacts import Facts
from wsal.label_models import base
from wsal.presets import preset
from wsal.rounds.weak_labels import WeakTable, class_prior, score_rules, weak_table
from wsal.settings import AggregateSettings


@dataclass(frozen=True, eq=False)
class WeakLabels:
    """A distribution over the classes for each text, and the label model that produced it."""

    votes: PoolVotes
    label_model: base.LabelModel
    settings: AggregateSettings
    fitted: base.FittedLabelModel
    table: WeakTable

    @property
    def probs(self) -> Probs:
        """The weak labels, `(texts, classes)`; where no rule votes, the prior."""
        return self.table.probs

    @property
    def used(self) -> np.ndarray:
        """Whether a classifier is trained on the weak label of each text, `(texts,)` bool."""
        return self.table.used

    @property
    def prior(self) -> Prior | None:
        """The prior over the classes that was given; None if there is none."""
        return class_prior(self.settings, self.votes.pool.prepared.labels)

    def why(self) -> str:
        """Say which label model was used, and why."""
        return self.fitted.why()

    def quality(self) -> dict[str, Facts]:
        """Metrics of the rules alone, without a classifier, on the dev and test splits."""
        pool, labels = self.votes.pool, self.votes.pool.prepared.labels
        splits = {"dev": pool.prepared.dev, "test": pool.prepared.test}
        return {
            name: score_rules(self.fitted, self.votes.sparse_of(name), table, self.settings, labels)
            for name, table in splits.items()
            if len(table)
        }

    def __repr__(self) -> str:
        n_covered = int((self.table.n_votes > 0).sum())
        return f"weak labels of {n_covered:,} of {len(self.probs):,} texts; {self.why()}"


class LabelModel:
    """A label model by its name in `conf/label_model`: auto, precision, dawid_skene, majority, ...

    >>> LabelModel("majority").model
    Majority(weighting='none')
    """

    def __init__(self, name: str = "auto", **settings: Any) -> None:  # noqa: ANN401
        """Choose a label model; `settings` change values of `conf/label_model/NAME.yaml`.

        Raises:
            UnknownNameError: there is no such label model, or no such setting.
            ConfigError: a setting is of the wrong type or out of range.
        """
        self.model = preset(base.LabelModel, "label_model", name, settings)  # type: ignore[type-abstract]

    def fit(
        self,
        votes: PoolVotes,
        *,
        prior: Mapping[str, float] | None = None,
        uncovered: str = "drop",
        default_class: str | None = None,
    ) -> WeakLabels:
        """Compute the weak labels of a pool.

        Args:
            votes: the votes of the rules on the pool.
            prior: how common each class is; None means that all are equally common.
            uncovered: how to treat texts without a vote: `drop` (do not train on them), `prior`
                (label them with the prior), or `default` (label them with `default_class`).
            default_class: see `uncovered`.

        Raises:
            ConfigError: the prior lacks a class, or `uncovered` has an unknown value.
        """
        changes = {"prior": prior, "uncovered": uncovered, "default_class": default_class}
        settings = preset(AggregateSettings, "aggregate", "default", changes)
        labels = votes.pool.prepared.labels
        fitted = self.model.fit(votes.sparse, len(labels), prior=class_prior(settings, labels))
        table = weak_table(fitted, votes.sparse, settings, labels)
        return WeakLabels(votes, self.model, settings, fitted, table)


def no_weak_labels(pool: Pool) -> WeakLabels:
    """Weak labels of a pool without rules: no text has one to train on."""
    shape = (len(pool), 0)
    splits = {
        name: np.empty((len(table), 0), np.int16)
        for name, table in {"dev": pool.prepared.dev, "test": pool.prepared.test}.items()
    }
    votes = PoolVotes(pool, {}, np.empty(shape, np.int16), splits)
    return LabelModel().fit(votes)
