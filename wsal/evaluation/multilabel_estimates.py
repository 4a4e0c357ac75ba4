"""Quality of sets of classes on the evaluation frame, from few labelled texts."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import Mask, Probs
from wsal.evaluation.estimates import Estimate
from wsal.evaluation.multilabel import METRICS, example_f1
from wsal.evaluation.sample import Sample

DRAWS = 400  # of the bootstrap
PSEUDO = 2.0  # observations per stratum that resamples count as further ones


@dataclass(frozen=True)
class _Parts:
    """What each metric is computed from, linear in the weights of labelled texts."""

    n_predicted: np.ndarray  # (classes,)
    expected: np.ndarray  # (2 * classes,): true positives and texts of each class, by probabilities
    residual: np.ndarray  # (query, 2 * classes): what gold adds to these
    of_text: np.ndarray  # (query, 2): example F1 and exactness, times the copies of the text
    present: Mask  # (classes,): those that the frame seems to have
    order: np.ndarray  # (query, classes): labelled texts by decreasing probability
    gold: Mask  # (query, classes)
    copies: np.ndarray  # (query,)
    total: float


def estimate_sets(
    sample: Sample, probs: Probs, thresholds: np.ndarray, rng: np.random.Generator, level: float
) -> dict[str, Estimate]:
    """All `METRICS` on the frame, with intervals.

    True positives and texts of each class are difference estimators, as in
    `wsal.evaluation.estimates`: sums of the probabilities, corrected by the labels. The other
    metrics are those of the labelled texts, weighted by stratum. Intervals are by a stratified
    bootstrap (Rao & Wu, 1988). If the whole frame is labelled, the values are the plain metrics.

    Args:
        sample: labelled texts; `gold` is `(query, classes)`.
        probs: `(frame, classes)`.
        thresholds: `(classes,)`; a class is predicted at or above.
        rng: for the bootstrap.
        level: of the intervals, in (0, 1).
    """
    parts = _parts(sample, probs, thresholds)
    drawn = _metrics(parts, _resamples(sample, rng))
    values = _metrics(parts, sample.weights[None])
    return {name: _estimate(values[name][0], drawn[name], level, 0) for name in METRICS}


def gain_of_sets(
    sample: Sample,
    before: tuple[Probs, np.ndarray],
    after: tuple[Probs, np.ndarray],
    rng: np.random.Generator,
    level: float,
) -> dict[str, Estimate]:
    """How much better `after` is than `before` by each metric; both are probs and thresholds."""
    first, second = (_parts(sample, *each) for each in (before, after))
    weights = _resamples(sample, rng)
    both = [(_metrics(p, sample.weights[None]), _metrics(p, weights)) for p in (first, second)]
    (value_1, drawn_1), (value_2, drawn_2) = both
    values = {name: value_2[name][0] - value_1[name][0] for name in METRICS}
    return {
        name: _estimate(value, drawn_2[name] - drawn_1[name], level, -1)
        for name, value in values.items()
    }


def _parts(sample: Sample, probs: Probs, thresholds: np.ndarray) -> _Parts:
    predicted, copies = probs >= thresholds, sample.n_copies
    rows, gold = sample.rows, np.asarray(sample.gold, dtype=bool)
    expected = copies @ np.concatenate([predicted * probs, probs], axis=1).astype(np.float64)
    gap = gold - probs[rows].astype(np.float64)
    residual = np.concatenate([predicted[rows] * gap, gap], axis=1) * copies[rows, None]
    unlabelled = probs.sum(axis=0, dtype=np.float64) - probs[rows].sum(axis=0)
    exact = (predicted[rows] == gold).all(axis=1)
    of_text = np.column_stack([example_f1(predicted[rows], gold), exact]) * copies[rows, None]
    return _Parts(
        copies @ predicted,
        expected,
        residual,
        of_text,
        gold.any(axis=0) | (unlabelled >= 1),
        np.argsort(-probs[rows], axis=0, kind="stable"),
        gold,
        copies[rows],
        float(copies.sum()),
    )


def _metrics(parts: _Parts, weights: np.ndarray) -> dict[str, np.ndarray]:
    """`METRICS`, each `(draws,)`, for weights of the labelled texts `(draws, query)`."""
    totals = parts.expected + weights @ parts.residual
    true, n_gold = np.split(np.maximum(totals, 0), 2, axis=1)
    n_gold = np.maximum(n_gold, true)
    f1 = 2 * true / np.maximum(parts.n_predicted + n_gold, 1)
    micro = 2 * true.sum(axis=1) / np.maximum(parts.n_predicted.sum() + n_gold.sum(axis=1), 1)
    of_texts = weights @ parts.of_text / np.maximum(weights @ parts.copies, 1e-12)[:, None]
    present = np.flatnonzero(parts.present)
    macro = f1[:, present].mean(axis=1) if len(present) else np.zeros(len(weights))
    return {
        "micro_f1": micro,
        "macro_f1": macro,
        "example_f1": of_texts[:, 0],
        "map": _mean_average_precision(parts, weights),
        "accuracy": of_texts[:, 1],
    }


def _mean_average_precision(parts: _Parts, weights: np.ndarray) -> np.ndarray:
    """`(draws,)`: over the classes that a labelled text has; others have no average precision."""
    weights = np.maximum(weights * parts.copies, 0)
    values = []
    for label in np.flatnonzero(parts.gold.any(axis=0)):
        order = parts.order[:, label]
        own, is_hit = weights[:, order], parts.gold[order, label]
        hits = np.cumsum(own * is_hit, axis=1)
        precision = hits / np.maximum(np.cumsum(own, axis=1), 1e-12)
        mass = hits[:, -1]
        average = (precision * own * is_hit).sum(axis=1) / np.maximum(mass, 1e-12)
        values.append(np.where(mass > 0, average, np.nan))
    if not values:
        return np.zeros(len(weights))
    mean: np.ndarray = np.nan_to_num(np.nanmean(np.array(values), axis=0))
    return mean


def _resamples(sample: Sample, rng: np.random.Generator) -> np.ndarray:
    """Weights of the labelled texts in stratified resamples, `(draws, query)`.

    There is no finite-population correction, as the frame is itself a sample of the pool.
    """
    stratum, weights = sample.merged[sample.rows], np.zeros((DRAWS, len(sample.rows)))
    for h in np.unique(stratum):
        inside = np.flatnonzero(stratum == h)
        n = len(inside)
        drawn = rng.multinomial(n, np.full(n, 1 / n), DRAWS)
        scale = np.sqrt((n + PSEUDO) / max(n + PSEUDO - 2, 1))
        weights[:, inside] = sample.weights[inside] * (1 + scale * (drawn - 1))
    return weights


def _estimate(value: float, draws: np.ndarray, level: float, least: float) -> Estimate:
    low, high = value + np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2]) - draws.mean()
    value, low, high = np.clip([value, low, high], least, 1)
    return Estimate(float(value), float(low), float(high), float(draws.var()))
