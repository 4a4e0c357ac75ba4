"""Combine the votes of the rules into one weak label for each text."""

from pathlib import Path

from wsal.artifacts import Artifact, Facts
from wsal.json_files import write_json
from wsal.label_models.base import LabelModel
from wsal.labels import LabelSet
from wsal.rounds.weak_labels import class_prior, headline, on_gold, read_votes, write_weak_labels
from wsal.settings import AggregateSettings


def aggregate(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    label_model: LabelModel,
    aggregate: AggregateSettings,
) -> Facts:
    """votes.parquet (texts, rules) -> weak_labels.parquet (texts, classes), metrics.json.

    A text on which every rule abstained keeps its row, with `n_votes` 0; `used` says whether it is
    trained on.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    prior = class_prior(aggregate, labels)
    matrix = read_votes(votes, "pool")
    fitted = label_model.fit(matrix, len(labels), prior=prior)
    facts = write_weak_labels(out, pool, matrix, fitted, aggregate, labels)
    metrics = on_gold(fitted, pool, votes, aggregate, labels)
    write_json(out / "metrics.json", metrics)
    return facts | headline(metrics)
