"""What each round brought, what it cost, and how sure that is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from wsal import tables
from wsal.active.stopping import kappa, time_spent
from wsal.arrays import Probs
from wsal.artifacts import Artifact, Facts, write_json
from wsal.evaluation import forecast as forecasting
from wsal.evaluation.estimates import Estimate, Sample, accuracy, gain, macro_f1
from wsal.labels import LabelSet
from wsal.seeding import rng
from wsal.settings import ActiveSettings, EvaluationSettings
from wsal.stages.frames import frame_of, on_frame, stratum_of
from wsal.stages.reweigh import answered

METRICS: dict[Literal["accuracy", "macro_f1"], Callable[..., Estimate]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
}
NEXT = 100  # labels whose gain is forecast
MOST_SHARED = 0.95


def assess(
    out: Path,
    *,
    pool: Artifact,
    embeddings: Artifact,
    pretrained: Artifact,
    classifiers: Sequence[Artifact],
    annotations: Sequence[Artifact],
    active: ActiveSettings,
    evaluation: EvaluationSettings,
    seed: int,
) -> Facts:
    """Every classifier on the test split (dev, else the evaluation sample) -> assessment.json.

    They are judged on the same texts, the newest sample, so that gains are paired. Where there is
    neither a gold split nor an evaluation sample, time and agreement alone are told.
    """
    number, judged = len(annotations), [pretrained, *classifiers]
    answers = pl.concat([tables.read(a.path / "annotations.parquet") for a in annotations])
    seconds = time_spent(answers["seconds"].to_list())
    frame = [on_frame(embeddings, one).argmax(axis=1) for one in judged[-2:]]
    found: Facts = {
        "round": number, "n_gold": classifiers[-1].facts["n_gold"],
        "n_evaluation": answers.filter(pl.col("purpose") == tables.EVALUATE)["label"].count(),
        "seconds": round(seconds, 1), "cost": round(seconds / 3600 * active.price_per_hour, 2),
        "agreement": kappa(*frame) if len(frame[0]) else None,
        "changed": float((frame[0] != frame[1]).mean()) if len(frame[0]) else None,
        "measured_on": None, "rounds": [], "gain": {}, "next_gain": {},
    }  # fmt: skip
    where, sample, said = _measured(pool, embeddings, judged, annotations)
    if sample is not None:
        found |= {"measured_on": where} | _judge(sample, said, judged, evaluation.level, seed)
        found["next_gain"] = {name: _next_gain(found, name) for name in METRICS}
    write_json(out / "assessment.json", found)
    return found


def _measured(
    pool: Artifact,
    embeddings: Artifact,
    judged: Sequence[Artifact],
    annotations: Sequence[Artifact],
) -> tuple[str | None, Sample | None, list[Probs]]:
    """Where quality is measured: its name, the texts with gold, what each classifier says there."""
    for split in ("test", "dev"):
        if (path := pool.path / f"{split}.parquet").exists():
            records = tables.read(path)
            rows = np.repeat(np.arange(len(records)), records["n_copies"].to_numpy())
            gold = records["label"].to_numpy().astype(np.int64)[rows]
            said = [np.load(j.path / f"{split}_probs.npy", allow_pickle=False) for j in judged]
            whole = np.zeros(len(rows), np.int64)
            sample = Sample(np.arange(len(rows)), gold, whole)
            return f"the {split} split", sample, [one[rows] for one in said]
    ids = pl.read_parquet(pool.path / "pool.parquet", columns=["id"])["id"]
    labels = LabelSet(tuple(pool.facts["labels"]))
    known, gold = answered(ids, annotations, labels, tables.EVALUATE)
    if not len(known):
        return None, None, []
    said = [on_frame(embeddings, one) for one in judged]
    rows = np.searchsorted(frame_of(embeddings), known)
    sample = Sample(rows, gold, stratum_of(embeddings))
    return f"an evaluation sample of {len(rows)}", sample, said


def _judge(
    sample: Sample, said: Sequence[Probs], judged: Sequence[Artifact], level: float, seed: int
) -> Facts:
    """Each round's quality, and the last one's gain over the one before."""
    rounds: list[dict[str, Any]] = []
    for number, (probs, one) in enumerate(zip(said, judged, strict=True)):
        told: dict[str, Any] = {"round": number, "n_gold": one.facts.get("n_gold", 0)}
        for name, estimate in METRICS.items():
            told[name] = _plain(estimate(sample, probs, rng(seed, "assess", name), level))
        rounds.append(told)
    gains = {
        name: _plain(gain(sample, said[-2], said[-1], name, rng(seed, "gain", name), level))
        for name in METRICS
    }
    new = rounds[-1]["n_gold"] - rounds[-2]["n_gold"]
    for told in gains.values():
        told["per_100_labels"] = round(100 * told["value"] / new, 4) if new else 0.0
    return {"rounds": rounds, "gain": gains}


def _next_gain(facts: Facts, metric: str) -> dict[str, float] | None:
    """What the next 100 labels are forecast to bring, with an 80% interval."""
    curve = curve_of(facts, metric)
    return _plain(forecasting.next_gain(curve, NEXT)) if len(curve.counts) else None


def curve_of(facts: Facts, metric: str) -> forecasting.Curve:
    """The learning curve that the rounds make.

    They were measured on the same texts, so they err together: how much so, the last gain says,
    which varies less than the two ends would if they were independent.
    """
    with_gold = [one for one in facts["rounds"] if one["n_gold"]]
    ends = sum(one[metric]["variance"] for one in facts["rounds"][-2:])
    apart = facts["gain"][metric]["variance"] / ends if ends else 1.0
    return forecasting.Curve(
        np.array([one["n_gold"] for one in with_gold], dtype=np.float64),
        np.array([one[metric]["value"] for one in with_gold]),
        np.array([one[metric]["variance"] for one in with_gold]),
        shared=float(np.clip(1 - apart, 0, MOST_SHARED)),
    )


def _plain(one: Estimate | forecasting.Gain) -> dict[str, float]:
    names = ("value", "low", "high", "variance")
    return {name: round(float(getattr(one, name)), 8) for name in names if hasattr(one, name)}
