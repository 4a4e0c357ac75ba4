"""Combine the votes of the rules into weak labels, where a text may have several classes."""

from functools import partial
from pathlib import Path
from typing import Any

from wsal import tables
from wsal.artifacts import Artifact, Facts
from wsal.json_files import write_json
from wsal.label_models.base import LabelModel
from wsal.label_models.multilabel import fit_multilabel
from wsal.labels import LabelSet
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.learning_votes import LearningVotes
from wsal.rounds.multilabel_training import NO_GOLD
from wsal.rounds.multilabel_weak import on_gold, prior_of
from wsal.rounds.shard_weak_labels import WeakWork, write_weak_labels
from wsal.rounds.vote_tables import read_votes
from wsal.rounds.weak_labels import headline
from wsal.settings import AggregateSettings, LauncherSettings


def aggregate(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    label_model: LabelModel,
    aggregate: AggregateSettings,
    launcher: LauncherSettings,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """votes.parquet (texts, rules) -> weak_labels.parquet (texts, classes), metrics.json.

    The label model is fitted for each class, to votes for yes and no; probabilities of a text do
    not sum to 1. Otherwise as in `wsal.stages.aggregate`.
    """
    labels, sizes = LabelSet.of_pool(pool.facts), tables.rows_of_shards(pool.path / "pool.parquet")
    learning = LearningVotes.read(partial(read_votes, votes, "pool"), sizes, NO_GOLD[0])
    prior = prior_of(aggregate.prior, labels)
    fitted = fit_multilabel(label_model, learning.votes, len(labels), prior)
    facts: Facts = {"n_learned_from": len(learning.rows)}
    del learning
    work = WeakWork(pool, votes, AnsweredWords(labels, {}), fitted, aggregate, labels)
    facts |= write_weak_labels(out, work, launcher)
    metrics = on_gold(fitted, pool, votes, labels)
    write_json(out / "metrics.json", metrics)
    return facts | headline(metrics)
