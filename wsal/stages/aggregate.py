"""Settle the rules' votes into one weak label for each text."""

from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from wsal import tables
from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact, Facts, write_json
from wsal.evaluation.metrics import evaluate
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.labels import LabelSet
from wsal.stages.vote import votes_file


def aggregate(out: Path, *, pool: Artifact, votes: Artifact, label_model: LabelModel) -> Facts:
    """votes.parquet (texts, rules) -> weak_labels.parquet (texts, classes), metrics.json.

    A text on which every rule abstained keeps its row, with `n_votes` 0 and a uniform label;
    whether to train on it is for the next stage to say.
    """
    table = tables.read(votes.path / votes_file("pool"))
    matrix = tables.votes_array(table)
    labels = LabelSet(tuple(pool.facts["labels"]))
    fitted = label_model.fit(matrix, len(labels))
    probs = fitted.predict_proba(matrix)
    n_votes = (matrix != ABSTAIN).sum(axis=1)
    kind = pl.Array(pl.Float32, len(labels))
    weak = pl.DataFrame(
        {"id": table["id"], "probs": pl.Series(probs, dtype=kind), "n_votes": n_votes}
    )
    tables.write(weak, out / "weak_labels.parquet", tables.weak_schema(len(labels)))
    arrays = {name: np.ascontiguousarray(a) for name, a in fitted.arrays().items()}
    save_file(arrays, out / "label_model.safetensors")  # npz would hold the time of day
    commonest = int(probs[n_votes > 0].sum(axis=0).argmax()) if (n_votes > 0).any() else 0
    metrics = {
        split: rules_alone(fitted, pool, votes, split, labels, commonest)
        for split in ("dev", "test")
        if (pool.path / f"{split}.parquet").exists()
    }
    write_json(out / "metrics.json", metrics)
    covered = {split: m.pop("covered") for split, m in metrics.items()}
    return {"n_texts": len(weak), "n_covered": int((n_votes > 0).sum()), "covered": covered} | {
        split: {k: m[k] for k in ("accuracy", "macro_f1")} for split, m in metrics.items()
    }


def rules_alone(
    fitted: FittedLabelModel,
    pool: Artifact,
    votes: Artifact,
    split: str,
    labels: LabelSet,
    commonest: int,
) -> Facts:
    """How good the rules are without a classifier; an uncovered text counts as `commonest`."""
    records = tables.read(pool.path / f"{split}.parquet")
    matrix = tables.votes_array(tables.read(votes.path / votes_file(split)))
    probs = fitted.predict_proba(matrix)
    covered = (matrix != ABSTAIN).any(axis=1)
    probs[~covered] = np.eye(len(labels), dtype=np.float32)[commonest] * 0.5 + 0.5 / len(labels)
    gold = records["label"].to_numpy().astype(np.int64)
    weights = records["n_copies"].to_numpy().astype(np.float64)
    right = probs.argmax(axis=1) == gold
    on_covered = (
        float(np.average(right[covered], weights=weights[covered])) if covered.any() else 0.0
    )
    shares = {"coverage": float(np.average(covered, weights=weights)), "accuracy": on_covered}
    return evaluate(probs, gold, weights, labels) | {"covered": shares}
