"""Accuracy and macro-F1 on the evaluation frame from few labels: difference estimators."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from wsal.arrays import Classes, Probs, Rows, Weights
from wsal.errors import DataError

DRAWS = (200, 1000)  # of the bootstrap: at least (for very large samples), at most
TOTAL_WEIGHTS = 20_000_000  # weights drawn in one bootstrap, about
WEIGHTS_AT_ONCE = 4_000_000  # weights held in memory
PSEUDO_OBSERVATIONS = 2.0  # per stratum, from the classifier's probabilities
PSEUDO_TEXTS = 20  # texts of a stratum that they are spread over
LEAST_PSEUDO_ERRORS = 0.75  # among the pseudo-observations of all strata

Statistic = Callable[[Rows, Classes, np.ndarray], np.ndarray]
"""From rows `(query,)`, their gold `(query,)` and weights `(draws, query)` to a value per draw."""


@dataclass(frozen=True)
class Sample:
    """Texts of the frame that people labelled, drawn at random within each stratum.

    A stratum without labels is merged with the one with labels whose number is nearest, so that
    the labels represent the whole frame; `n_merged` is how many strata were merged.

    Raises:
        DataError: there is no labelled text, or `rows` and `gold` differ in length.
    """

    rows: Rows  # (query,): positions in the frame
    gold: Classes  # (query,)
    stratum: Classes  # (frame,): numbered from 0
    copies: Weights | None = None  # (frame,): how many rows of the source each text stands for

    def __post_init__(self) -> None:
        if not len(self.rows) or len(self.rows) != len(self.gold):
            raise DataError(
                f"an evaluation sample has {len(self.rows)} texts and {len(self.gold)} gold "
                "labels; expected the same number of both, at least one"
            )

    @cached_property
    def merged(self) -> Classes:
        """The stratum of each text of the frame, without gaps; each has a labelled text."""
        sampled = np.unique(self.stratum[self.rows])
        distance = np.abs(np.arange(self.stratum.max() + 1)[:, None] - sampled)
        merged: Classes = distance.argmin(axis=1)[self.stratum]
        return merged

    @property
    def n_merged(self) -> int:
        """How many strata have texts but no label."""
        return len(np.unique(self.stratum)) - len(np.unique(self.merged))

    @cached_property
    def n_copies(self) -> Weights:
        """`copies`, or ones, `(frame,)`."""
        return np.ones(len(self.stratum)) if self.copies is None else self.copies

    @property
    def weights(self) -> Weights:
        """How many texts of the frame each labelled text stands for, `(query,)`: N_h / n_h."""
        stratum = self.merged[self.rows]
        return (np.bincount(self.merged) / np.bincount(stratum))[stratum]


@dataclass(frozen=True)
class Estimate:
    """An estimate, the ends of its interval, and its variance over samples."""

    value: float
    low: float
    high: float
    variance: float


def accuracy(
    sample: Sample, probs: Probs, rng: np.random.Generator, level: float = 0.9
) -> Estimate:
    """Accuracy on the frame, in [0, 1]: the mean confidence, corrected by the labels.

    This is the difference estimator (prediction-powered inference, Angelopoulos et al., 2023). It
    is unbiased however wrong the confidences are, and varies less the closer they are to the truth.
    If the whole frame is labelled, it is the plain accuracy.

    Args:
        sample: the labelled texts.
        probs: `(frame, classes)`, of the classifier to measure; the strata may be by another one.
        rng: for the bootstrap.
        level: of the interval, in (0, 1).
    """
    return _estimate(sample, probs, _accuracy(sample, probs), rng, level, least=0)


def macro_f1(
    sample: Sample, probs: Probs, rng: np.random.Generator, level: float = 0.9
) -> Estimate:
    """Macro-F1 on the frame, in [0, 1], over the classes that it seems to have.

    True positives and gold of each class are estimated as sums of the classifier's probabilities,
    corrected by the labels; the number of its predictions is known. A class counts if it occurs in
    the sample, or if the probabilities of the other texts for it sum to at least 1. As a ratio of
    sums, the estimate is biased in small samples; the bias is estimated by the bootstrap (Efron,
    1979) and subtracted. If the whole frame is labelled, it is the plain macro-F1.

    The arguments are those of `accuracy`.
    """
    return _estimate(sample, probs, _macro_f1(sample, probs), rng, level, least=0, curved=True)


def gain(
    sample: Sample,
    before: Probs,
    after: Probs,
    metric: Literal["accuracy", "macro_f1"],
    rng: np.random.Generator,
    level: float = 0.9,
) -> Estimate:
    """How much better `after` is than `before`, in [-1, 1], both measured on the same labels."""
    if metric == "accuracy":
        first, second = _accuracy(sample, before), _accuracy(sample, after)
    else:
        first, second = _macro_f1(sample, before), _macro_f1(sample, after)
    mean: Probs = (0.5 * (before + after)).astype(np.float32)

    def difference(rows: Rows, gold: Classes, weights: np.ndarray) -> np.ndarray:
        return second(rows, gold, weights) - first(rows, gold, weights)

    curved = metric == "macro_f1"
    return _estimate(sample, mean, difference, rng, level, least=-1, curved=curved)


def _accuracy(sample: Sample, probs: Probs) -> Statistic:
    predicted, confidence = probs.argmax(axis=1), probs.max(axis=1).astype(np.float64)
    share = sample.n_copies / sample.n_copies.sum()

    def statistic(rows: Rows, gold: Classes, weights: np.ndarray) -> np.ndarray:
        residual = share[rows] * ((predicted[rows] == gold) - confidence[rows])
        value: np.ndarray = share @ confidence + weights @ residual
        return value

    return statistic


def _macro_f1(sample: Sample, probs: Probs) -> Statistic:
    predicted, n_copies = probs.argmax(axis=1), sample.n_copies
    one_hot = np.eye(probs.shape[1])
    n_predicted = np.bincount(predicted, n_copies, len(one_hot))
    expected = n_copies @ probs.astype(np.float64)
    expected_true = np.bincount(predicted, n_copies * probs.max(axis=1), len(one_hot))
    unlabelled = probs.sum(axis=0, dtype=np.float64) - probs[sample.rows].sum(axis=0)
    present = np.bincount(sample.gold, minlength=len(one_hot)) > 0
    present |= unlabelled >= 1

    def statistic(rows: Rows, gold: Classes, weights: np.ndarray) -> np.ndarray:
        residual = n_copies[rows, None] * (one_hot[gold] - probs[rows])
        true = np.maximum(expected_true + weights @ (residual * one_hot[predicted[rows]]), 0)
        # Gold is raised to `true`; lowering `true` to `n_predicted` would bias rare classes down.
        n_gold = np.maximum(expected + weights @ residual, true)
        f1 = 2 * true / np.maximum(n_predicted + n_gold, 1)
        mean: np.ndarray = f1[..., present].mean(axis=-1)
        return mean

    return statistic


def _estimate(
    sample: Sample,
    probs: Probs,
    statistic: Statistic,
    rng: np.random.Generator,
    level: float,
    least: float,
    *,
    curved: bool = False,
) -> Estimate:
    """The statistic with its interval, clipped to [least, 1].

    If it is `curved`, that is, not linear in the weights, its bias is subtracted.
    """
    value = statistic(sample.rows, sample.gold, sample.weights[None])[0]
    draws, centre = _bootstrap(sample, probs, statistic, rng)
    if curved:  # only the part of the frame without labels is uncertain
        value -= (draws.mean() - centre) * (1 - len(sample.rows) / len(probs))
    low, high = value + np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2]) - draws.mean()
    value, low, high = np.clip([value, low, high], least, 1)
    return Estimate(float(value), float(low), float(high), float(draws.var()))


def _bootstrap(
    sample: Sample, probs: Probs, statistic: Statistic, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """The statistic of stratified resamples, `(draws,)`, and that of the resampled distribution.

    A stratum with two labels, both right, may still have errors. So each stratum is resampled
    together with a few pseudo-observations from the classifier's probabilities; a plain bootstrap
    would report no uncertainty. Resamples vary too little, most of all in small strata, so their
    deviations are scaled up (Rao & Wu, 1988). There is no finite-population correction, as the
    frame is itself a sample of the pool.
    """
    pseudo_rows, pseudo_gold, pseudo_masses = _pseudo_observations(sample, probs, rng)
    order = np.argsort(sample.rows, kind="stable")  # so that the order of labels has no influence
    rows = np.concatenate([sample.rows[order], pseudo_rows])
    gold = np.concatenate([sample.gold[order], pseudo_gold])
    masses = np.concatenate([np.ones(len(sample.rows)), pseudo_masses])
    stratum, sizes = sample.merged[rows], np.bincount(sample.merged)
    n_labels = np.bincount(sample.merged[sample.rows])
    members = [np.flatnonzero(stratum == h) for h in range(len(sizes))]
    shares = masses / np.bincount(stratum, masses)[stratum]
    n_draws = int(np.clip(TOTAL_WEIGHTS // len(rows), *DRAWS))
    values = []
    for part in np.array_split(np.arange(n_draws), -(-n_draws * len(rows) // WEIGHTS_AT_ONCE)):
        weights = np.zeros((len(part), len(rows)))
        for size, n, inside in zip(sizes, n_labels, members, strict=True):
            share = shares[inside] / shares[inside].sum()
            drawn = rng.multinomial(n, share, len(part)) * (size / n)
            scale = np.sqrt((n + PSEUDO_OBSERVATIONS) / (n + PSEUDO_OBSERVATIONS - 1))
            weights[:, inside] = share * size + scale * (drawn - share * size)
        values.append(statistic(rows, gold, weights))
    centre = statistic(rows, gold, (shares * sizes[stratum])[None])[0]
    return np.concatenate(values), float(centre)


def _pseudo_observations(
    sample: Sample, probs: Probs, rng: np.random.Generator
) -> tuple[Rows, Classes, np.ndarray]:
    """Random texts of every stratum, once with the predicted class and once with another; masses.

    The mass of each is by the classifier's probabilities. If the sample has more errors than they
    imply, errors get more mass; in any case, all errors together have `LEAST_PSEUDO_ERRORS`.
    """
    strata = [np.flatnonzero(sample.merged == h) for h in range(sample.merged.max() + 1)]
    rows = np.concatenate([rng.choice(texts, PSEUDO_TEXTS) for texts in strata])
    error = sample.weights @ (probs[sample.rows].argmax(axis=1) != sample.gold) / len(probs)
    uncertainty = 1 - probs.max(axis=1).astype(np.float64)
    ratio = max(1.0, error / max(uncertainty.mean(), 1e-9))
    least = LEAST_PSEUDO_ERRORS / (PSEUDO_OBSERVATIONS * len(strata))
    wrong = np.clip(uncertainty[rows] * ratio, least, 0.9)
    predicted = probs[rows].argmax(axis=1)
    others = probs[rows].astype(np.float64) + 1e-9
    others[np.arange(len(rows)), predicted] = 0
    cumulated = others.cumsum(axis=1) / others.sum(axis=1, keepdims=True)
    other = (cumulated < rng.random((len(rows), 1))).sum(axis=1)
    masses = np.concatenate([1 - wrong, wrong]) * PSEUDO_OBSERVATIONS / PSEUDO_TEXTS
    return np.tile(rows, 2), np.concatenate([predicted, other]), masses
