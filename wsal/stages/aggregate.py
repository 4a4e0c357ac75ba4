"""Combine the votes of the rules into one weak label for each text."""

from pathlib import Path

import numpy as np

from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact, Facts
from wsal.json_files import write_json
from wsal.label_models.base import LabelModel
from wsal.labels import LabelSet
from wsal.rounds.llm_answers import read_llm_answers
from wsal.rounds.vote_tables import read_votes
from wsal.rounds.weak_labels import class_prior, headline, on_gold, write_weak_labels
from wsal.settings import AggregateSettings


def aggregate(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    llm_votes: Artifact | None = None,
    label_model: LabelModel,
    aggregate: AggregateSettings,
) -> Facts:
    """votes.parquet (texts, rules) -> weak_labels.parquet (texts, classes), metrics.json.

    Random answers of a language model show how far to trust each rule, as gold would; then each
    answer and the votes on its text are combined.

    A text on which every rule abstained keeps its row, with `n_votes` 0; `used` says whether it is
    trained on.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    prior = class_prior(aggregate, labels)
    matrix = read_votes(votes, "pool")
    no_gold = np.full(len(matrix), ABSTAIN, dtype=np.int64)
    answers = read_llm_answers(pool, llm_votes).to_train_on() if llm_votes else None
    silver = answers.silver(no_gold) if answers else None
    fitted = label_model.fit(matrix, len(labels), prior=prior, gold=silver)
    llm = (answers, no_gold) if answers else None
    facts = write_weak_labels(out, pool, matrix, fitted, aggregate, labels, llm)
    metrics = on_gold(fitted, pool, votes, aggregate, labels)
    write_json(out / "metrics.json", metrics)
    return facts | headline(metrics)
