"""Let the gold labels of the rounds say how far to trust each rule."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsal import tables
from wsal.annotation.answers import gold_answers, set_aside, set_aside_message
from wsal.arrays import ABSTAIN, Classes
from wsal.artifacts import Artifact, Facts, write_json
from wsal.errors import AnnotationError
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.calibration import log_losses
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.rounds.weak_labels import class_prior, headline, on_gold, read_votes, write_weak_labels
from wsal.settings import AggregateSettings


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

    Gold that a strategy chose is harder than the pool, and can make a label model worse. So it is
    used only if it lowers the log loss on gold that was drawn at random (see `_random_gold`). The
    metrics have both: the label model without gold (`before`) and the one that is used.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    prior, matrix = class_prior(aggregate, labels), read_votes(votes, "pool")
    rows, gold = gold_answers(pool, annotations)
    aside = set_aside(pool, annotations)
    if not len(rows):
        raise AnnotationError(
            "no text of the pool has a gold label to learn from; "
            + (set_aside_message(aside) or "answer at least one text")
            + ("; has the data changed, or data.layout.text?" if aside["n"] else "")
        )
    truth = np.full(pool.facts["n_pool"], ABSTAIN, dtype=np.int64)
    truth[rows] = gold
    before = label_model.fit(matrix, len(labels), prior=prior)
    fitted = label_model.fit(matrix, len(labels), prior=prior, gold=truth)
    verdict = _verdict(before, fitted, *_random_gold(pool, votes, annotations, matrix))
    fitted = fitted if verdict["gold_used"] else before
    facts = write_weak_labels(out, pool, matrix, fitted, aggregate, labels) | verdict
    metrics = on_gold(fitted, pool, votes, aggregate, labels)
    earlier = on_gold(before, pool, votes, aggregate, labels)
    write_json(out / "metrics.json", metrics | {"before": earlier})
    n_gold = {"round": len(annotations), "n_gold": len(gold), "set_aside": aside}
    return facts | n_gold | headline(metrics) | {"before": headline(earlier)}


def _random_gold(
    pool: Artifact, votes: Artifact, annotations: Sequence[Artifact], matrix: SparseVotes
) -> tuple[str, SparseVotes, Classes]:
    """Votes and gold of covered texts that no strategy chose: the evaluation sample, else dev."""
    rows, gold = gold_answers(pool, annotations, tables.EVALUATE)
    name, some = "evaluation texts", matrix.take(rows)
    if not len(rows) and pool.facts["n_dev"]:
        records = tables.read(pool.path / "dev.parquet")
        name, some = "dev texts", read_votes(votes, "dev")
        gold = records["label"].to_numpy().astype(np.int64)
    covered = np.flatnonzero(some.n_votes)
    return f"{len(covered)} {name}", some.take(covered), gold[covered]


def _verdict(
    before: FittedLabelModel, after: FittedLabelModel, name: str, some: SparseVotes, gold: Classes
) -> Facts:
    """Whether the label model that learnt from gold is used, and by what log losses."""
    if not len(gold):
        return {"gold_used": False, "checked": "not used: no random gold to check that it helps"}
    losses = [float(log_losses(one.predict_proba(some), gold).mean()) for one in (before, after)]
    used = losses[1] < losses[0]
    what = "used" if used else "not used"
    told = f"{what}: log loss {losses[1]:.3f} with gold, {losses[0]:.3f} without, on {name}"
    return {"gold_used": used, "checked": told}
