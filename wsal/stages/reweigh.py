"""Let gold labels decide how far to trust each rule, and answered words vote beside the rules."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from wsal import schemas, tables
from wsal.annotation.llm_tables import ANSWERS_FILE
from wsal.annotation.none_answers import none_of_present
from wsal.annotation.set_aside import of_removed_classes, set_aside, set_aside_message
from wsal.arrays import ABSTAIN, Classes, Rows, is_indicator_matrix
from wsal.artifacts import Artifact, Facts
from wsal.errors import AnnotationError
from wsal.json_files import write_json
from wsal.label_models.base import LabelModel
from wsal.labels import LabelSet
from wsal.multilabel import is_multilabel
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.learning_votes import LearningVotes, ReadVotes, votes_at
from wsal.rounds.llm_answers import read_llm_answers
from wsal.rounds.random_gold import has_random_gold
from wsal.rounds.reweighing import RandomGold, reweigh_rules, reweigh_sets
from wsal.rounds.shard_weak_labels import WeakWork, write_weak_labels
from wsal.rounds.split_gold import gold_of
from wsal.rounds.training_gold import answers_to_train_on, n_parents
from wsal.rounds.vote_tables import VOTERS_FILE
from wsal.rounds.weak_labels import class_prior, headline, on_gold
from wsal.settings import AggregateSettings, LauncherSettings


def reweigh(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    llm_votes: Artifact | None = None,
    annotations: Sequence[Artifact],
    label_model: LabelModel,
    aggregate: AggregateSettings,
    launcher: LauncherSettings,
) -> Facts:
    """votes, all annotations -> weak_labels.parquet as `aggregate` writes it, metrics.json.

    The metrics have both label models: the one without gold (`before`) and the one that is used.
    Answered words vote in both; with some, voters.parquet has them beside the terms of the rules.

    Raises:
        AnnotationError: no text of the pool has a gold label.
    """
    labels = LabelSet.of_configuration(pool.facts)
    multilabel, words = is_multilabel(pool.facts), AnsweredWords.read(pool, annotations)
    prior = class_prior(aggregate, labels, multilabel=multilabel)
    gold_rows, gold = answers_to_train_on(pool, annotations)
    # With several classes per text, an empty set is gold like any other.
    none = gold_rows[:0] if multilabel else none_of_present(pool, annotations)
    aside, removed = set_aside(pool, annotations), of_removed_classes(pool, annotations)
    # What a language model answered in rounds still counts when there is none any more.
    asked = llm_votes or any((a.path / ANSWERS_FILE).exists() for a in annotations)
    named = read_llm_answers(pool, llm_votes, annotations).named() if asked else None
    answers = named.to_train_on() if named else None
    if not len(gold_rows) and not (answers and len(answers.rows)):
        raise AnnotationError(
            "no text of the pool has a gold label to learn from; "
            + (set_aside_message(aside) or "answer at least one text")
            + ("; has the data changed, or data.layout.text?" if aside["n"] else "")
        )
    read, sizes = partial(words.read_votes, votes, pool, "pool"), _sizes(pool)
    random = answers.take(answers.is_random) if answers else None
    known = np.concatenate([gold_rows, none, random.rows if random else none[:0]])
    learning = LearningVotes.read(read, sizes, known)
    cast = (label_model, learning.votes, len(labels), prior, learning.places(gold_rows), gold)
    random_gold = _random_gold(pool, votes, annotations, read, words)
    is_random = has_random_gold(annotations)
    if multilabel:
        result = reweigh_sets(*cast, random_gold, is_random=is_random)
    else:
        silver = random.at(learning.places(random.rows)) if random else None
        none_at = learning.places(none)
        result = reweigh_rules(*cast, random_gold, silver, none_at, is_random=is_random)
    facts: Facts = {"n_learned_from": len(learning.rows)}
    del learning, cast
    work = WeakWork(pool, votes, words, result.fitted, aggregate, labels)
    llm = None
    if named is not None:
        measured = answers_to_train_on(pool, annotations, schemas.EVALUATE)
        rows, labelled = (np.concatenate(b) for b in zip((gold_rows, gold), measured, strict=True))
        llm = named, _labels_at(named.rows, rows, labelled), named.measures | is_random
    facts |= write_weak_labels(out, work, launcher, llm)
    metrics = on_gold(result.fitted, pool, votes, aggregate, labels, words)
    before = on_gold(result.without_gold, pool, votes, aggregate, labels, words)
    write_json(out / "metrics.json", metrics | {"before": before})
    if words.answers:
        tables.write(words.voters_table(votes, pool), out / VOTERS_FILE, schemas.VOTERS)
        facts["n_words"] = len(words.answers)
    return {
        **facts,
        "gold_used": result.gold_used,
        "checked": result.checked,
        "round": len(annotations),
        "n_gold": len(gold),
        **({"n_none": len(none)} if len(none) else {}),
        **({"n_parents": n} if (n := n_parents(gold, len(labels))) else {}),
        "set_aside": aside,
        **({"of_removed": removed} if removed else {}),
        **headline(metrics),
        "before": headline(before),
    }


def _random_gold(
    pool: Artifact,
    votes: Artifact,
    annotations: Sequence[Artifact],
    read: ReadVotes,
    words: AnsweredWords,
) -> RandomGold:
    """Covered texts of the evaluation sample; without one, of dev; without dev, none."""
    rows, gold = answers_to_train_on(pool, annotations, schemas.EVALUATE)
    if len(rows) or not pool.facts["n_dev"]:
        if not is_indicator_matrix(gold):
            none = none_of_present(pool, annotations, schemas.EVALUATE)
            rows = np.concatenate([rows, none])
            gold = np.concatenate([gold, np.full(len(none), len(pool.facts["labels"]))])
        return RandomGold.of_covered("evaluation texts", votes_at(read, _sizes(pool), rows), gold)
    dev = words.read_votes(votes, pool, "dev")
    return RandomGold.of_covered("dev texts", dev, gold_of(pool, "dev")[0])


def _sizes(pool: Artifact) -> list[int]:
    return tables.rows_of_shards(pool.path / "pool.parquet")


def _labels_at(rows: Rows, gold_rows: Rows, gold: Classes) -> Classes:
    """The gold label of each of these rows, -1 where there is none."""
    of_row = dict(zip(gold_rows.tolist(), gold.tolist(), strict=True))
    return np.array([of_row.get(row, ABSTAIN) for row in rows.tolist()], dtype=np.int64)
