"""The quality of a classifier on the test split, as the lines of the label benchmark have it."""

import numpy as np

from wsal.seeding import rng

RARE = 20
"""A class with fewer rows in the test split is rare."""
DRAWS, LEVEL = 500, 0.9  # of the bootstrap over test texts
METRICS = ("macro_f1", "accuracy", "rare_f1")


def quality(probs, gold, weights):
    """Macro-F1, accuracy and mean F1 of rare classes, each with a 90% interval over test texts.

    The intervals are percentiles of resampled texts; they do not cover the choice of labels, which
    seeds show. `rare_f1` is None where no class is rare.
    """
    predicted, n_classes = probs.argmax(axis=1), probs.shape[1]
    figures = dict(zip(METRICS, metrics(predicted, gold, weights, weights, n_classes), strict=True))
    draw = rng(0, "test texts")
    share = np.full(len(gold), 1 / len(gold))
    draws = [
        metrics(predicted, gold, weights * draw.multinomial(len(gold), share), weights, n_classes)
        for _ in range(DRAWS)
    ]
    ends = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    for name, values in zip(METRICS, zip(*draws, strict=True), strict=True):
        if figures[name] is not None:
            low, high = np.nanpercentile(values, ends)
            figures[f"{name}_interval"] = [round(float(low), 4), round(float(high), 4)]
            figures[name] = round(figures[name], 4)
    return figures


def metrics(predicted, gold, weights, rows, n_classes):
    """`METRICS` of weighted texts; NaN for rare classes of which a resample has no text.

    `rows` are the weights before resampling: they say which classes are rare.

    >>> gold, one = np.array([0, 0, 1]), np.ones(3)
    >>> [round(m, 2) for m in metrics(np.array([0, 1, 1]), gold, one, one, 2)]
    [0.67, 0.67, 0.67]
    """
    of_gold = np.bincount(gold, weights, n_classes)
    of_predicted = np.bincount(predicted, weights, n_classes)
    right = np.bincount(gold, weights * (predicted == gold), n_classes)
    f1 = 2 * right / np.maximum(of_gold + of_predicted, 1e-9)
    size = np.bincount(gold, rows, n_classes)
    present, rare = of_gold > 0, (size > 0) & (size < RARE)
    rare_f1 = None
    if rare.any():
        rare_f1 = float(f1[rare & present].mean()) if (rare & present).any() else float("nan")
    return float(f1[present].mean()), float(right.sum() / weights.sum()), rare_f1


def of_rules(figures):
    """The figures of the rules alone in a `metrics.json` of weak labels; {} where none votes."""
    test = figures.get("test", {})
    if not test.get("covered", {}).get("coverage"):
        return {}
    rare = [c["f1"] for c in test["classes"].values() if c["n"] < RARE]
    return {
        "rules_macro_f1": round(test["macro_f1"], 4),
        "rules_accuracy": round(test["accuracy"], 4),
        "rules_rare_f1": round(float(np.mean(rare)), 4) if rare else None,
        "coverage": round(test["covered"]["coverage"], 4),
    }
