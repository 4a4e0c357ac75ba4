"""How far probabilities can be trusted: reliability by bin, and risk by coverage."""

from typing import Any

import numpy as np

from wsal.arrays import Classes, Probs, Weights
from wsal.evaluation.shares import shares_of, wilson

BINS = 10  # of equal width
POINTS = 100  # of the risk-coverage curve, at most


def reliability(probs: Probs, gold: Classes, weights: Weights) -> list[dict[str, Any]]:
    """For each bin of confidence that has texts: their mean confidence, and the share right.

    >>> probs = np.array([[0.75, 0.25]] * 4, dtype=np.float32)
    >>> (only,) = reliability(probs, np.array([0, 0, 0, 1]), np.ones(4))
    >>> only["confidence"], only["n"], only["value"]
    (0.75, 4, 0.75)
    """
    confidence = probs.max(axis=1).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    right = shares_of(probs.argmax(axis=1) == gold, weights, bins, BINS)
    weight = np.bincount(bins, weights, BINS)
    total, n = np.bincount(bins, weights * confidence, BINS), np.bincount(bins, minlength=BINS)
    return [
        {"confidence": round(float(total[b] / weight[b]), 6), "n": int(n[b])} | right.plain(b)
        for b in np.flatnonzero(n).tolist()
    ]


def risk_coverage(probs: Probs, gold: Classes, weights: Weights) -> list[dict[str, Any]]:
    """The share of errors (risk) among the texts whose confidence reaches a threshold.

    One point for each threshold, the highest first, with the share of the texts that reach it
    (coverage); of many thresholds, an even choice (El-Yaniv & Wiener, 2010).

    >>> probs = np.array([[0.75, 0.25], [0.625, 0.375]], dtype=np.float32)
    >>> curve = risk_coverage(probs, np.array([0, 1]), np.ones(2))
    >>> [(point["coverage"], point["threshold"], point["value"]) for point in curve]
    [(0.5, 0.75, 0.0), (1.0, 0.625, 0.5)]
    """
    confidence = probs.max(axis=1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    wrong = (probs.argmax(axis=1) != gold)[order]
    weights, sure = weights[order], confidence[order]
    total, squares = weights.cumsum(), (weights**2).cumsum()
    risk = wilson((weights * wrong).cumsum() / total, total**2 / squares)
    ends = np.flatnonzero(np.append(np.diff(sure) != 0, True))  # texts of equal confidence together
    if len(ends) > POINTS:
        wanted = np.linspace(1 / POINTS, 1, POINTS) * total[-1]
        ends = np.unique(ends[np.searchsorted(total[ends], wanted - 1e-9)])
    return [
        # the threshold is not rounded, as the text itself would no longer reach it
        {"coverage": round(float(total[i] / total[-1]), 6), "threshold": float(sure[i])}
        | risk.plain(i)
        for i in ends.tolist()
    ]
