"""What the rounds brought, where a text may have several classes."""

from collections.abc import Sequence

import numpy as np

from wsal import schemas, tables
from wsal.annotation.multilabel_answers import answered_sets
from wsal.arrays import Mask, Probs
from wsal.artifacts import Artifact, Facts
from wsal.evaluation.estimates import Estimate
from wsal.evaluation.forecast import next_gain
from wsal.evaluation.multilabel import METRICS, f1_thresholds
from wsal.evaluation.multilabel_estimates import estimate_sets, gain_of_sets
from wsal.evaluation.sample import Sample
from wsal.rounds.assessment import LEVEL, NEXT
from wsal.rounds.evaluation_frame import Frame, Reference, frame_sample
from wsal.rounds.learning_curve import learning_curve
from wsal.rounds.multilabel_gold import sets_of, whole_sample
from wsal.seeding import rng


def choose_reference(
    pool: Artifact, frame: Frame, annotations: Sequence[Artifact]
) -> Reference | None:
    """The evaluation sample, if people answered one; else the dev split; else None.

    The `gold` of its sample is `(texts, classes)`.
    """
    rows, gold = answered_sets(pool, annotations, schemas.EVALUATE)
    if np.isin(rows, frame.rows).any():
        copies = tables.take(pool.path / "pool.parquet", frame.rows, ["n_copies"])["n_copies"]
        if sample := frame_sample(frame, rows, gold.astype(np.int64), copies.to_numpy()):
            return Reference("frame", sample)
    if (pool.path / "dev.parquet").exists():
        return Reference("dev", whole_sample(*sets_of(pool, "dev")))
    return None


def predicted_sets(probs: Probs) -> Mask:
    """The classes at or above the thresholds for which no gold is needed, `(texts, classes)`."""
    predicted: Mask = probs >= f1_thresholds(probs)
    return predicted


def compare(sample: Sample, before: Probs, after: Probs, seed: int) -> Facts:
    """Macro-F1 of two classifiers on the same gold, and the gain with its 90% interval."""
    thresholds = [f1_thresholds(probs) for probs in (before, after)]
    draw = rng(seed, "retrain")
    first, second = (
        estimate_sets(sample, probs, limits, rng(seed, "retrain"), LEVEL)["macro_f1"].value
        for probs, limits in zip((before, after), thresholds, strict=True)
    )
    both = (before, thresholds[0]), (after, thresholds[1])
    change = gain_of_sets(sample, *both, draw, LEVEL)["macro_f1"]
    return {"before": round(first, 4), "after": round(second, 4), **_rounded(change, 4)}


def assess_rounds(
    sample: Sample, probs: Sequence[Probs], n_gold: Sequence[int], seed: int
) -> Facts:
    """The facts of `wsal.rounds.assessment.assess_rounds`, with all metrics of sets of classes.

    Each classifier is judged at the thresholds that its own probabilities for the whole frame give;
    see `f1_thresholds`. Those of an export may be better, as they are set with gold.
    """
    measured = [(own, f1_thresholds(own)) for own in probs]
    rounds = [
        {
            "round": number,
            "n_gold": labels,
            **{
                name: _rounded(estimate, 8, "variance")
                for name, estimate in estimate_sets(
                    sample, *own, rng(seed, "assess"), LEVEL
                ).items()
            },
        }
        for number, (own, labels) in enumerate(zip(measured, n_gold, strict=True))
    ]
    facts: Facts = {"rounds": rounds, "gain": {}, "next_gain": {}}
    if len(rounds) < 2:
        return facts
    gains = gain_of_sets(sample, measured[-2], measured[-1], rng(seed, "gain"), LEVEL)
    new_labels = n_gold[-1] - n_gold[-2]
    for name in METRICS:
        own = _rounded(gains[name], 8, "variance")
        per_100 = round(100 * own["value"] / new_labels, 4) if new_labels else 0.0
        facts["gain"][name] = own | {"per_100_labels": per_100}
    for name in METRICS:
        curve = learning_curve(facts, name)
        forecast = next_gain(curve, NEXT) if len(curve.counts) else None
        names = ("value", "low", "high")
        facts["next_gain"][name] = forecast and {
            n: round(float(getattr(forecast, n)), 8) for n in names
        }
    return facts


def agreement_of_sets(before: Mask, after: Mask) -> Facts:
    """How far two rounds' predictions agree: `agreement` is Cohen's kappa of all decisions.

    `changed` is the share of texts whose set changed. None without texts.
    """
    if not len(after):
        return {"agreement": None, "changed": None}
    same, both = (before == after).mean(), (before.mean(), after.mean())
    chance = both[0] * both[1] + (1 - both[0]) * (1 - both[1])
    kappa = 1.0 if chance == 1 else float((same - chance) / (1 - chance))
    return {"agreement": round(kappa, 6), "changed": float((before != after).any(axis=1).mean())}


def _rounded(estimate: Estimate, digits: int, *more: str) -> dict[str, float]:
    names = ("value", "low", "high", *more)
    return {name: round(float(getattr(estimate, name)), digits) for name in names}
