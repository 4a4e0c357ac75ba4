"""Combine the votes of the rules into one weak label for each text."""

from functools import partial
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact, Facts
from wsal.json_files import write_json
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.multilabel import fit_multilabel
from wsal.labels import LabelSet
from wsal.multilabel import is_multilabel
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.learning_votes import LearningVotes
from wsal.rounds.llm_answers import read_llm_answers
from wsal.rounds.shard_weak_labels import WeakWork, write_weak_labels
from wsal.rounds.weak_labels import class_prior, headline, on_gold
from wsal.settings import AggregateSettings, LauncherSettings


def aggregate(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    llm_votes: Artifact | None = None,
    label_model: LabelModel,
    aggregate: AggregateSettings,
    launcher: LauncherSettings,
) -> Facts:
    """votes.parquet (texts, rules) -> weak_labels.parquet (texts, classes), metrics.json.

    Random answers of a language model show how far to trust each rule, as gold would; then each
    answer and the votes on its text are combined. The label model learns from the votes on all
    texts or, if more than five million are in several shards, from those of some shards.

    Where a text may have several classes, a label model is fitted for each class, to votes for yes
    and no; the probabilities of a text do not sum to 1.

    A text on which every rule abstained keeps its row, with `n_votes` 0; `used` says whether it is
    trained on.
    """
    labels, multilabel = LabelSet.of_configuration(pool.facts), is_multilabel(pool.facts)
    prior = class_prior(aggregate, labels, multilabel=multilabel)
    answers = read_llm_answers(pool, llm_votes).to_train_on() if llm_votes else None
    random = answers.take(answers.is_random) if answers else None
    sizes = tables.rows_of_shards(pool.path / "pool.parquet")
    known = random.rows if random else np.empty(0, np.int64)
    words = AnsweredWords(labels, {})
    learning = LearningVotes.read(partial(words.read_votes, votes, pool, "pool"), sizes, known)
    no_gold = np.full(len(learning.rows), ABSTAIN, dtype=np.int64)
    silver = random.at(learning.places(random.rows)).silver(no_gold) if random else None
    if multilabel:
        fitted: FittedLabelModel = fit_multilabel(label_model, learning.votes, len(labels), prior)
    else:
        fitted = label_model.fit(learning.votes, len(labels), prior=prior, gold=silver)
    facts: Facts = {"n_learned_from": len(learning.rows)}
    del learning
    work = WeakWork(pool, votes, words, fitted, aggregate, labels)
    no_gold = np.full(len(answers.rows) if answers else 0, ABSTAIN, dtype=np.int64)
    llm = (answers, no_gold, answers.measures) if answers else None
    facts |= write_weak_labels(out, work, launcher, llm)
    metrics = on_gold(fitted, pool, votes, aggregate, labels)
    write_json(out / "metrics.json", metrics)
    return facts | headline(metrics)
