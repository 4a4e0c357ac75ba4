"""Let gold decide how far to trust each rule, where a text may have several classes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from wsal import tables
from wsal.annotation.multilabel_answers import answered_sets
from wsal.annotation.set_aside import set_aside, set_aside_message
from wsal.artifacts import Artifact, Facts
from wsal.errors import AnnotationError
from wsal.json_files import write_json
from wsal.label_models.base import LabelModel
from wsal.label_models.multilabel import fit_multilabel, share_of_yes
from wsal.labels import LabelSet
from wsal.rounds.answered_words import AnsweredWords
from wsal.rounds.learning_votes import LearningVotes
from wsal.rounds.multilabel_weak import on_gold, prior_of
from wsal.rounds.shard_weak_labels import WeakWork, write_weak_labels
from wsal.rounds.vote_tables import read_votes
from wsal.rounds.weak_labels import headline
from wsal.settings import AggregateSettings, LauncherSettings

CHECKED = "gold used: it says how often rules and their silence are right"


def reweigh(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    annotations: Sequence[Artifact],
    label_model: LabelModel,
    aggregate: AggregateSettings,
    launcher: LauncherSettings,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """votes, all annotations -> weak_labels.parquet as `aggregate` writes it, metrics.json.

    Rules that only say yes do not show without gold how often they are right, so gold is always
    used. The metrics also have the label models without gold (`before`).

    Raises:
        AnnotationError: no text of the pool has a gold label.
    """
    labels, sizes = LabelSet.of_pool(pool.facts), tables.rows_of_shards(pool.path / "pool.parquet")
    rows, gold = answered_sets(pool, annotations)
    aside = set_aside(pool, annotations)
    if not len(rows):
        raise AnnotationError(
            "no text of the pool has a gold label to learn from; "
            + (set_aside_message(aside) or "answer at least one text")
            + ("; has the data changed, or data.layout.text?" if aside["n"] else "")
        )
    learning = LearningVotes.read(partial(read_votes, votes, "pool"), sizes, rows)
    prior = prior_of(aggregate.prior, labels)
    if prior is None:
        prior = share_of_yes(learning.votes, len(labels))
    known = (learning.places(rows), gold)
    before = fit_multilabel(label_model, learning.votes, len(labels), prior)
    fitted = fit_multilabel(label_model, learning.votes, len(labels), prior, known)
    facts: Facts = {"n_learned_from": len(learning.rows)}
    del learning
    work = WeakWork(pool, votes, AnsweredWords(labels, {}), fitted, aggregate, labels)
    facts |= write_weak_labels(out, work, launcher)
    metrics, unaided = (on_gold(each, pool, votes, labels) for each in (fitted, before))
    write_json(out / "metrics.json", metrics | {"before": unaided})
    return {
        **facts,
        "gold_used": True,
        "checked": CHECKED,
        "round": len(annotations),
        "n_gold": len(rows),
        "set_aside": aside,
        **headline(metrics),
        "before": headline(unaided),
    }
