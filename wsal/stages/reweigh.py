"""Let the gold labels of the rounds say how far to trust each rule."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact, Facts, write_json
from wsal.errors import AnnotationError
from wsal.label_models.base import LabelModel
from wsal.labels import LabelSet
from wsal.settings import AggregateSettings
from wsal.stages.aggregate import class_prior, headline, on_gold, read_votes, write_weak_labels
from wsal.stages.answers import answered, set_aside, told_aside


def reweigh(
    out: Path,
    *,
    pool: Artifact,
    votes: Artifact,
    annotations: Sequence[Artifact],
    label_model: LabelModel,
    aggregate: AggregateSettings,
) -> Facts:
    """votes, all annotations -> weak_labels.parquet as `aggregate` writes it, metrics.json.

    The metrics have both: the label model without gold (`before`) and with it.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    prior, matrix = class_prior(aggregate, labels), read_votes(votes, "pool")
    rows, gold = answered(pool, annotations)
    aside = set_aside(pool, annotations)
    if not len(rows):
        raise AnnotationError(
            "no text of the pool has a gold label to learn from; "
            + (told_aside(aside) or "answer at least one text")
            + ("; is it other data, or other data.layout.text fields?" if aside["n"] else "")
        )
    truth = np.full(pool.facts["n_pool"], ABSTAIN, dtype=np.int64)
    truth[rows] = gold
    fitted = label_model.fit(matrix, len(labels), prior=prior, gold=truth)
    facts = write_weak_labels(out, pool, matrix, fitted, aggregate, labels)
    before = label_model.fit(matrix, len(labels), prior=prior)
    metrics = on_gold(fitted, pool, votes, aggregate, labels)
    earlier = on_gold(before, pool, votes, aggregate, labels)
    write_json(out / "metrics.json", metrics | {"before": earlier})
    n_gold = {"round": len(annotations), "n_gold": len(gold), "set_aside": aside}
    return facts | n_gold | headline(metrics) | {"before": headline(earlier)}
