"""What the rounds brought, on arrays: quality of every classifier, gain of the last, forecast."""

from collections.abc import Callable, Sequence
from typing import Literal

from wsal.active.stopping import kappa
from wsal.arrays import Probs, is_indicator_matrix
from wsal.artifacts import Facts
from wsal.class_tree import ClassTree
from wsal.evaluation.estimates import Estimate, accuracy, gain, macro_f1
from wsal.evaluation.forecast import Gain, next_gain
from wsal.evaluation.multilabel import f1_thresholds
from wsal.evaluation.multilabel_estimates import estimate_sets, gain_of_sets
from wsal.evaluation.sample import Sample
from wsal.evaluation.tree import estimate_hierarchical, estimate_levels
from wsal.rounds.learning_curve import learning_curve
from wsal.seeding import rng

Metric = Literal["accuracy", "macro_f1"]
METRICS: dict[Metric, Callable[..., Estimate]] = {"accuracy": accuracy, "macro_f1": macro_f1}
LEVEL = 0.9  # of intervals
NEXT = 100  # labels whose gain is forecast


def assess_rounds(
    sample: Sample,
    probs: Sequence[Probs],
    n_gold: Sequence[int],
    seed: int,
    llm: Facts | None = None,
    tree: tuple[ClassTree, Sample] | None = None,
) -> Facts:
    """Judge all classifiers on the same sample, so that gains are paired.

    Args:
        sample: gold that no classifier was trained on.
        probs: of each classifier, the weak-pretrained one first, `(frame, classes)`.
        n_gold: gold labels that each was trained on.
        seed: of the bootstrap.
        llm: what a language model did, from `llm_facts`; its labels count in the forecast.
        tree: a class tree, and the sample with the texts whose gold is a parent.

    Returns:
        `rounds`: for each classifier its number, `n_gold` and the metrics with 90% intervals; with
        a tree, also `levels` and `hierarchical` (see `wsal.evaluation.tree`).
        `gain` of the last over the one before, also `per_100_labels`. `next_gain`: what the next
        100 labels are forecast to bring, with an 80% interval; None before the first round. With a
        tree, `n_measured`: texts of the sample whose gold is a `class`, and `all`.
    """
    rounds = [
        {
            "round": number,
            "n_gold": labels,
            **{name: _numbers(value) for name, value in _estimates(sample, own, seed).items()},
        }
        for number, (own, labels) in enumerate(zip(probs, n_gold, strict=True))
    ]
    facts: Facts = {"rounds": rounds, "gain": {}, "next_gain": {}}
    if tree is not None:
        _add_tree(rounds, probs, *tree, seed)
        facts["n_measured"] = {"class": len(sample.rows), "all": len(tree[1].rows)}
    if llm:
        facts["llm"] = llm
    if len(rounds) < 2:
        return facts
    new_labels = n_gold[-1] - n_gold[-2]
    for name, last_gain in _gains(sample, probs[-2], probs[-1], seed).items():
        numbers = _numbers(last_gain)
        per_100 = round(100 * numbers["value"] / new_labels, 4) if new_labels else 0.0
        facts["gain"][name] = numbers | {"per_100_labels": per_100}
    for name in facts["gain"]:
        curve = learning_curve(facts, name)
        forecast = _numbers(next_gain(curve, NEXT)) if len(curve.counts) else None
        facts["next_gain"][name] = forecast
    return facts


def _estimates(sample: Sample, probs: Probs, seed: int) -> dict[str, Estimate]:
    """Each metric of a classifier on the frame.

    Sets of classes are judged at the thresholds that the classifier's own probabilities give; see
    `f1_thresholds`. Those of an export may be better, as they are set with gold.
    """
    if is_indicator_matrix(sample.gold):
        limits = f1_thresholds(probs)
        return estimate_sets(sample, probs, limits, rng(seed, "assess"), LEVEL)
    return {
        name: estimate(sample, probs, rng(seed, "assess", name), LEVEL)
        for name, estimate in METRICS.items()
    }


def _gains(sample: Sample, before: Probs, after: Probs, seed: int) -> dict[str, Estimate]:
    """By how much each metric differs between two classifiers."""
    if is_indicator_matrix(sample.gold):
        first, second = ((probs, f1_thresholds(probs)) for probs in (before, after))
        return gain_of_sets(sample, first, second, rng(seed, "gain"), LEVEL)
    return {
        name: gain(sample, before, after, name, rng(seed, "gain", name), LEVEL) for name in METRICS
    }


def _add_tree(
    rounds: list[Facts], probs: Sequence[Probs], tree: ClassTree, sample: Sample, seed: int
) -> None:
    levels = estimate_levels(sample, probs, tree, lambda name: rng(seed, "levels", name), LEVEL)
    for facts, own, of_levels in zip(rounds, probs, levels, strict=True):
        facts["levels"] = [
            {k: _numbers(v) if isinstance(v, Estimate) else v for k, v in of_level.items()}
            for of_level in of_levels
        ]
        estimates = estimate_hierarchical(sample, own, tree, rng(seed, "hierarchical"), LEVEL)
        facts["hierarchical"] = {name: _numbers(each) for name, each in estimates.items()}


def compare_predictions(before: Probs, after: Probs, *, multilabel: bool = False) -> Facts:
    """How far two rounds' predictions for the same texts agree; None without texts.

    `agreement` is Cohen's kappa of the likeliest classes or, with `multilabel`, of all yes/no
    decisions; `changed` is the share of texts whose class, or set, has changed.
    """
    if not len(after):
        return {"agreement": None, "changed": None}
    if multilabel:
        first, second = (probs >= f1_thresholds(probs) for probs in (before, after))
        changed = (first != second).any(axis=1)
        agreement = kappa(first.ravel(), second.ravel())
        return {"agreement": agreement, "changed": float(changed.mean())}
    first, second = before.argmax(axis=1), after.argmax(axis=1)
    return {"agreement": kappa(first, second), "changed": float((first != second).mean())}


def _numbers(estimate: Estimate | Gain) -> dict[str, float]:
    names = ("value", "low", "high", "variance")
    return {n: round(float(getattr(estimate, n)), 8) for n in names if hasattr(estimate, n)}
