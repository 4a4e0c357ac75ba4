"""Let the gold labels of the rounds say how far to trust each rule."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Rows
from wsal.artifacts import Artifact, Facts, write_json
from wsal.errors import AnnotationError
from wsal.label_models.base import LabelModel
from wsal.labels import LabelSet
from wsal.settings import AggregateSettings
from wsal.stages.aggregate import class_prior, headline, on_gold, read_votes, write_weak_labels


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
    ids = pl.read_parquet(pool.path / "pool.parquet", columns=["id"])["id"]
    rows, gold = answered(ids, annotations, labels)
    if not len(rows):
        raise AnnotationError(
            "no text of the pool has a gold label to learn from; answer at least one text "
            "(or was the data exchanged?)"
        )
    truth = np.full(len(ids), ABSTAIN, dtype=np.int64)
    truth[rows] = gold
    fitted = label_model.fit(matrix, len(labels), prior=prior, gold=truth)
    facts = write_weak_labels(out, pool, matrix, fitted, aggregate, labels)
    before = label_model.fit(matrix, len(labels), prior=prior)
    metrics = on_gold(fitted, pool, votes, aggregate, labels)
    earlier = on_gold(before, pool, votes, aggregate, labels)
    write_json(out / "metrics.json", metrics | {"before": earlier})
    n_gold = {"round": len(annotations), "n_gold": len(gold)}
    return facts | n_gold | headline(metrics) | {"before": headline(earlier)}


def answered(
    ids: pl.Series, annotations: Sequence[Artifact], labels: LabelSet, purpose: str = tables.TRAIN
) -> tuple[Rows, Classes]:
    """The rows of the pool that got a gold label for this purpose, and the labels; maybe none."""
    answers = [tables.read(a.path / "annotations.parquet", tables.ANNOTATIONS) for a in annotations]
    given = pl.concat([pl.DataFrame(schema=tables.ANNOTATIONS), *answers])
    agreed = consensus(given.filter(pl.col("purpose") == purpose))
    rows = pl.DataFrame({"id": ids}).with_row_index("row")
    joined = agreed.join(rows, on="id", how="inner", maintain_order="left")
    classes = [labels.index(name) for name in joined["label"]]
    return joined["row"].to_numpy().astype(np.int64), np.array(classes, dtype=np.int64)


def consensus(answers: pl.DataFrame) -> pl.DataFrame:
    """One row a text, `id` and `label`: what most answers say, the newest of those that tie.

    Texts come in the order in which they were first answered; skips say nothing.
    """
    given = answers.drop_nulls("label").with_row_index("place")
    counted = given.group_by("id", "label").agg(n=pl.len(), last=pl.col("place").max())
    first = given.group_by("id").agg(first=pl.col("place").min())
    best = counted.sort("n", "last").group_by("id").agg(pl.col("label").last())
    return best.join(first, on="id").sort("first").select("id", "label")
