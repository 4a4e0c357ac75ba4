"""What each round brought, what it cost, and how sure that is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from wsal import tables
from wsal.active.stopping import kappa, time_spent
from wsal.arrays import Probs
from wsal.artifacts import Artifact, Facts, write_json
from wsal.evaluation import forecast as forecasting
from wsal.evaluation.estimates import Estimate, Sample, accuracy, gain, macro_f1
from wsal.rounds.evaluation_frame import choose_reference, frame_probs, read_frame
from wsal.rounds.learning_curve import learning_curve
from wsal.seeding import rng

METRICS: dict[Literal["accuracy", "macro_f1"], Callable[..., Estimate]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
}
NEXT = 100  # labels whose gain is forecast
LEVEL = 0.9  # of intervals
GROWN = 1.1  # times as many texts as when the sample was drawn


def assess(
    out: Path,
    *,
    pool: Artifact,
    embeddings: Artifact,
    pretrained: Artifact,
    first_query: Artifact,
    classifiers: Sequence[Artifact],
    annotations: Sequence[Artifact],
    seed: int,
) -> Facts:
    """Every classifier on the evaluation sample (without one: on dev) -> assessment.json.

    They are judged on the same texts, the newest sample, so that gains are paired. Where there is
    neither a sample nor a dev split, time and agreement alone are told. Never on test: stop rules
    and forecasts go by this, and a split that decides when to stop is no test any more.
    """
    frame, judged = read_frame(pool, first_query), [pretrained, *classifiers]
    answers = pl.concat([tables.read(a.path / "annotations.parquet") for a in annotations])
    before, now = (frame_probs(embeddings, one, frame).argmax(axis=1) for one in judged[-2:])
    measured = answers.filter(pl.col("purpose") == tables.EVALUATE)
    found: Facts = {
        "round": len(annotations), "n_gold": classifiers[-1].facts["n_gold"],
        "n_evaluation": measured["label"].count(), "n_evaluation_skipped": _n_skipped(measured),
        "seconds": time_spent(answers["seconds"].to_list()),
        "agreement": kappa(before, now) if len(now) else None,
        "changed": float((before != now).mean()) if len(now) else None,
        "measured_on": None, "rounds": [], "gain": {}, "next_gain": {},
    }  # fmt: skip
    by = choose_reference(pool, frame, annotations, ("dev",))
    if by is not None:
        said = [by.said(embeddings, one, frame) for one in judged]
        skipped = found["n_evaluation_skipped"] if by.place == "frame" else 0
        found["measured_on"] = by.name + (_beside(skipped) if skipped else "")
        found["measured_on"] += _grown(pool, first_query) if by.place == "frame" else ""
        found |= _judged(by.sample, said, judged, seed)
        found["next_gain"] = {name: _next_gain(found, name) for name in METRICS}
    write_json(out / "assessment.json", found)
    return found


def _n_skipped(measured: pl.DataFrame) -> int:
    """Evaluation texts that nobody labelled, whoever saw them."""
    labelled = measured.drop_nulls("label")["id"].unique()
    return int(measured["id"].n_unique()) - len(labelled)


def _beside(n: int) -> str:
    return f" ({n} more skipped: it speaks of texts that people can label)"


def _grown(pool: Artifact, first_query: Artifact) -> str:
    """A warning where many texts came after the frame was drawn: it does not speak for them."""
    n_frame = tables.n_rows(first_query.path / "frame.parquet")
    then, now = first_query.facts.get("n_left", 0) + n_frame, pool.facts["n_pool"]
    if not n_frame or now <= GROWN * then:
        return ""
    return f" (drawn when the pool had {then:,} texts; of the {now - then:,} more it says nothing)"


def _judged(sample: Sample, said: Sequence[Probs], judged: Sequence[Artifact], seed: int) -> Facts:
    """Each round's quality, and the last one's gain over the one before."""
    rounds: list[dict[str, Any]] = []
    for number, (probs, one) in enumerate(zip(said, judged, strict=True)):
        told: dict[str, Any] = {"round": number, "n_gold": one.facts.get("n_gold", 0)}
        for name, estimate in METRICS.items():
            told[name] = _plain(estimate(sample, probs, rng(seed, "assess", name), LEVEL))
        rounds.append(told)
    gains = {
        name: _plain(gain(sample, said[-2], said[-1], name, rng(seed, "gain", name), LEVEL))
        for name in METRICS
    }
    new = rounds[-1]["n_gold"] - rounds[-2]["n_gold"]
    for told in gains.values():
        told["per_100_labels"] = round(100 * told["value"] / new, 4) if new else 0.0
    return {"rounds": rounds, "gain": gains}


def _next_gain(facts: Facts, metric: str) -> dict[str, float] | None:
    """What the next 100 labels are forecast to bring, with an 80% interval."""
    curve = learning_curve(facts, metric)
    return _plain(forecasting.next_gain(curve, NEXT)) if len(curve.counts) else None


def _plain(one: Estimate | forecasting.Gain) -> dict[str, float]:
    names = ("value", "low", "high", "variance")
    return {name: round(float(getattr(one, name)), 8) for name in names if hasattr(one, name)}
