"""Accuracy and macro-F1 of a classifier on a frame, from few labels and with honest intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from wsal.arrays import Classes, Probs, Rows, Weights
from wsal.errors import DataError

DRAWS = (200, 1000)  # of the bootstrap: with very large samples, with others
ENTRIES = 20_000_000  # weights drawn in one bootstrap, about
AT_ONCE = 4_000_000  # of them held in memory
PSEUDO = 2.0  # observations that a stratum's resample borrows from the classifier's probabilities
BORROWED = 20  # texts they are spread over
AT_LEAST = 0.5  # errors among all that are borrowed, however sure the classifier is

Statistic = Callable[[Rows, Classes, np.ndarray], np.ndarray]
"""From rows `(query,)`, their gold and weights `(draws, query)`, a value a draw."""


@dataclass(frozen=True)
class Sample:
    """Texts of a frame that people labelled, drawn at random within each stratum.

    A stratum without any of them is joined to its neighbour in number that has some (`n_joined`
    tells how many): the labels stand for the whole frame in any case.

    Raises:
        DataError: there is no labelled text at all, or rows and gold differ in length.
    """

    rows: Rows  # (query,): positions in the frame
    gold: Classes  # (query,)
    stratum: Classes  # (frame,): numbered from 0
    copies: Weights | None = None  # (frame,): how many rows of the source a text counts as

    def __post_init__(self) -> None:
        if not len(self.rows) or len(self.rows) != len(self.gold):
            raise DataError(
                f"an evaluation sample has {len(self.rows)} texts and {len(self.gold)} gold "
                "labels; give as many of both, one at least"
            )

    @cached_property
    def joined(self) -> Classes:
        """The stratum of each text of the frame, each with a labelled text, without gaps."""
        sampled = np.unique(self.stratum[self.rows])
        distance = np.abs(np.arange(self.stratum.max() + 1)[:, None] - sampled)
        found: Classes = distance.argmin(axis=1)[self.stratum]
        return found

    @property
    def n_joined(self) -> int:
        """Strata that had texts but no label."""
        return len(np.unique(self.stratum)) - len(np.unique(self.joined))

    @cached_property
    def counted(self) -> Weights:
        """How many rows each text of the frame counts as, `(frame,)`: one, unless `copies` says."""
        return np.ones(len(self.stratum)) if self.copies is None else self.copies

    @property
    def weights(self) -> Weights:
        """How many texts of the frame each labelled one stands for, `(query,)`: N_h / n_h."""
        stratum = self.joined[self.rows]
        return (np.bincount(self.joined) / np.bincount(stratum))[stratum]


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its interval, and its variance over samples."""

    value: float
    low: float
    high: float
    variance: float


def accuracy(
    sample: Sample, probs: Probs, rng: np.random.Generator, level: float = 0.9
) -> Estimate:
    """Accuracy on the frame, in [0, 1]: mean confidence, put right by the labels.

    The difference estimator (prediction-powered inference, Angelopoulos et al., 2023): unbiased
    however wrong the confidences are, and the nearer they are to the truth the less it varies.
    `probs` `(frame, classes)` are those of the classifier judged, which need not be the one that
    the strata were made by. On a wholly labelled frame it is plain accuracy.
    """
    return _estimate(sample, probs, _accuracy(sample, probs), rng, level, least=0)


def macro_f1(
    sample: Sample, probs: Probs, rng: np.random.Generator, level: float = 0.9
) -> Estimate:
    """Macro-F1 on the frame, in [0, 1], over classes that it has, so far as that can be told.

    True positives and gold of each class are sums of the classifier's own probabilities, put right
    by the labels; how often it predicts a class is known. A class counts where it was met in the
    sample, or where the other texts' probabilities for it sum to 1. A ratio of sums is biased in
    small samples; by how much, the bootstrap says (Efron, 1979), and that is taken off. On a wholly
    labelled frame it is plain macro-F1.
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
    """What one classifier is better by than another, in [-1, 1], both judged by the same labels."""
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
    said, confidence = probs.argmax(axis=1), probs.max(axis=1).astype(np.float64)
    share = sample.counted / sample.counted.sum()

    def statistic(rows: Rows, gold: Classes, weights: np.ndarray) -> np.ndarray:
        surprise = share[rows] * ((said[rows] == gold) - confidence[rows])
        value: np.ndarray = share @ confidence + weights @ surprise
        return value

    return statistic


def _macro_f1(sample: Sample, probs: Probs) -> Statistic:
    said, eye, counted = probs.argmax(axis=1), np.eye(probs.shape[1]), sample.counted
    predicted = np.bincount(said, counted, len(eye))
    expected = counted @ probs.astype(np.float64)
    expected_true = np.bincount(said, counted * probs.max(axis=1), len(eye))
    unseen = probs.sum(axis=0, dtype=np.float64) - probs[sample.rows].sum(axis=0)
    present = np.bincount(sample.gold, minlength=len(eye)) > 0
    present |= unseen >= 1

    def statistic(rows: Rows, gold: Classes, weights: np.ndarray) -> np.ndarray:
        surprise = counted[rows, None] * (eye[gold] - probs[rows])
        true = np.maximum(expected_true + weights @ (surprise * eye[said[rows]]), 0)
        # Held below `true`, never `true` below `predicted`: that would pull rare classes down.
        of_gold = np.maximum(expected + weights @ surprise, true)
        f1 = 2 * true / np.maximum(predicted + of_gold, 1)
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
    """The statistic with its interval; less its bias, if it is `curved`: not linear in weights."""
    value = statistic(sample.rows, sample.gold, sample.weights[None])[0]
    draws, centre = _bootstrap(sample, probs, statistic, rng)
    if curved:  # of what is not labelled: a whole frame leaves nothing to chance
        value -= (draws.mean() - centre) * (1 - len(sample.rows) / len(probs))
    low, high = value + np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2]) - draws.mean()
    value, low, high = np.clip([value, low, high], least, 1)
    return Estimate(float(value), float(low), float(high), float(draws.var()))


def _bootstrap(
    sample: Sample, probs: Probs, statistic: Statistic, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """The statistic of stratified resamples, `(draws,)`, and that of what they are drawn from.

    Two right answers in a stratum are no proof that it has no errors: each stratum is resampled
    together with a few texts whose answer is borrowed from the classifier. Resamples lie too near to
    what they are drawn from, most of all in small strata, so they are moved away from it (Rao & Wu,
    1988). As the frame is itself a sample of the pool, no correction is made for how much of it was
    labelled.
    """
    more, borrowed, chance = _borrowed(sample, probs, rng)
    order = np.argsort(sample.rows, kind="stable")  # so that the order of labels changes nothing
    rows = np.concatenate([sample.rows[order], more])
    gold = np.concatenate([sample.gold[order], borrowed])
    chance = np.concatenate([np.ones(len(sample.rows)), chance])
    stratum, sizes = sample.joined[rows], np.bincount(sample.joined)
    counts = np.bincount(sample.joined[sample.rows])
    inside = [np.flatnonzero(stratum == h) for h in range(len(sizes))]
    shares = chance / np.bincount(stratum, chance)[stratum]
    n_draws = int(np.clip(ENTRIES // len(rows), *DRAWS))
    values = []
    for part in np.array_split(np.arange(n_draws), -(-n_draws * len(rows) // AT_ONCE)):
        weights = np.zeros((len(part), len(rows)))
        for size, n, some in zip(sizes, counts, inside, strict=True):
            share = shares[some] / shares[some].sum()
            drawn = rng.multinomial(n, share, len(part)) * (size / n)
            wider = np.sqrt((n + PSEUDO) / (n + PSEUDO - 1))
            weights[:, some] = share * size + wider * (drawn - share * size)
        values.append(statistic(rows, gold, weights))
    centre = statistic(rows, gold, (shares * sizes[stratum])[None])[0]
    return np.concatenate(values), float(centre)


def _borrowed(
    sample: Sample, probs: Probs, rng: np.random.Generator
) -> tuple[Rows, Classes, np.ndarray]:
    """Random texts of every stratum, each once as predicted and once not, and how much they count.

    An answer counts by the classifier's probabilities. Where the sample finds more errors than
    they admit, errors are made likelier; all of them together count as AT_LEAST errors.
    """
    texts = [np.flatnonzero(sample.joined == h) for h in range(sample.joined.max() + 1)]
    rows = np.concatenate([rng.choice(some, BORROWED) for some in texts])
    missed = sample.weights @ (probs[sample.rows].argmax(axis=1) != sample.gold) / len(probs)
    doubt = 1 - probs.max(axis=1).astype(np.float64)
    ratio = max(1.0, missed / max(doubt.mean(), 1e-9))
    wrong = np.clip(doubt[rows] * ratio, AT_LEAST / (PSEUDO * len(texts)), 0.9)
    said, others = probs[rows].argmax(axis=1), probs[rows].astype(np.float64) + 1e-9
    others[np.arange(len(rows)), said] = 0
    reached = others.cumsum(axis=1) / others.sum(axis=1, keepdims=True)
    other = (reached < rng.random((len(rows), 1))).sum(axis=1)
    chance = np.concatenate([1 - wrong, wrong]) * PSEUDO / BORROWED
    return np.tile(rows, 2), np.concatenate([said, other]), chance
