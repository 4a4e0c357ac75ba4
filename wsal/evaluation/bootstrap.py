"""Resamples of an evaluation sample, which show how much an estimate varies."""

from collections.abc import Callable

import numpy as np

from wsal.arrays import Classes, Rows
from wsal.evaluation.auxiliary import Expected
from wsal.evaluation.sample import Sample

DRAWS = (200, 1000)  # of the bootstrap: at least (for very large samples), at most
TOTAL_WEIGHTS = 20_000_000  # weights drawn in one bootstrap, about
WEIGHTS_AT_ONCE = 4_000_000  # weights held in memory
PSEUDO_OBSERVATIONS = 2.0  # per stratum, from the expected probabilities
PSEUDO_TEXTS = 20  # texts of a stratum that they are spread over
LEAST_PSEUDO_ERRORS = 0.75  # among the pseudo-observations of all strata

Statistic = Callable[[Rows, Classes, np.ndarray, np.ndarray], np.ndarray]
"""From rows `(query,)`, their gold `(query,)` and weights `(draws, query)`, and the weights of the
texts that a language model was asked about, `(draws or 1, asked)`, to a value per draw."""


def bootstrap(
    sample: Sample, expected: Expected, statistic: Statistic, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """The statistic of stratified resamples, `(draws,)`, and that of the resampled distribution.

    A stratum with two labels, both right, may still have errors. So each stratum is resampled
    together with a few pseudo-observations from the expected probabilities; a plain bootstrap would
    report no uncertainty. Resamples vary too little, most of all in small strata, so their
    deviations are scaled up (Rao & Wu, 1988). There is no finite-population correction, as the
    frame is itself a sample of the pool.
    """
    pseudo_rows, pseudo_gold, pseudo_masses = _pseudo_observations(sample, expected, rng)
    order = np.argsort(sample.rows, kind="stable")  # so that the order of labels has no influence
    rows = np.concatenate([sample.rows[order], pseudo_rows])
    gold = np.concatenate([sample.gold[order], pseudo_gold])
    masses = np.concatenate([np.ones(len(sample.rows)), pseudo_masses])
    stratum, sizes = sample.merged[rows], sample.sizes
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
        deviation = (weights / (shares * sizes[stratum]) - 1)[:, : len(order)]
        values.append(statistic(rows, gold, weights, _asked_weights(sample, deviation, rng)))
    asked_weights = sample.asked_weights[None]
    centre = statistic(rows, gold, (shares * sizes[stratum])[None], asked_weights)[0]
    return np.concatenate(values), float(centre)


def _asked_weights(sample: Sample, deviation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weights of the texts that a language model was asked about, `(draws or 1, asked)`.

    They vary as those of other random texts would, had it been asked about these. This holds where
    it was asked about the whole frame, too, as the frame is itself a sample of the pool: in frames
    of a few hundred texts, 90% intervals would otherwise hold in 80% of samples. A text that is
    labelled, too, counts as often here as there: `deviation` `(draws, query)` are the relative
    deviations of the weights of labels, by row.
    """
    weights = sample.asked_weights
    if not len(weights):
        return weights[None]
    noise = rng.normal(size=(len(deviation), len(weights)))
    both = np.isin(np.sort(sample.rows), sample.asked)
    noise[:, np.isin(sample.asked, sample.rows)] = deviation[:, both]
    stratum = sample.merged[sample.asked]
    for h in np.unique(stratum):
        inside = np.flatnonzero(stratum == h)
        of_stratum = noise[:, inside]
        noise[:, inside] = of_stratum - of_stratum.mean(axis=1, keepdims=True)
    noise += 1  # in place: a copy of these arrays takes longer than all the rest
    noise *= weights
    return noise


def _pseudo_observations(
    sample: Sample, expected: Expected, rng: np.random.Generator
) -> tuple[Rows, Classes, np.ndarray]:
    """Random texts of every stratum, once with the predicted class and once with another; masses.

    The mass of each is by the expected probabilities. If the sample has more errors than they
    imply, errors get more mass; in any case, all errors together have `LEAST_PSEUDO_ERRORS`.
    """
    is_asked = np.isin(np.arange(len(sample.stratum)), sample.asked)
    texts_like_labelled = []
    for h in range(sample.merged.max() + 1):
        texts = np.flatnonzero(sample.merged == h)
        labelled = sample.rows[sample.merged[sample.rows] == h]
        mostly = is_asked[labelled].mean() >= 0.5
        alike = texts[is_asked[texts] == mostly]
        texts_like_labelled.append(rng.choice(alike if len(alike) else texts, PSEUDO_TEXTS))
    rows = np.concatenate(texts_like_labelled)
    wrong_labels = expected.predicted[sample.rows] != sample.gold
    error = sample.weights @ wrong_labels / len(expected.predicted)
    uncertainty = 1 - expected.right
    ratio = max(1.0, error / max(uncertainty.mean(), 1e-9))
    least = LEAST_PSEUDO_ERRORS / (PSEUDO_OBSERVATIONS * len(texts_like_labelled))
    wrong = np.clip(uncertainty[rows] * ratio, least, 0.9)
    predicted = expected.predicted[rows]
    others = expected.probs[rows].astype(np.float64) + 1e-9
    others[np.arange(len(rows)), predicted] = 0
    cumulated = others.cumsum(axis=1) / others.sum(axis=1, keepdims=True)
    other = (cumulated < rng.random((len(rows), 1))).sum(axis=1)
    masses = np.concatenate([1 - wrong, wrong]) * PSEUDO_OBSERVATIONS / PSEUDO_TEXTS
    return np.tile(rows, 2), np.concatenate([predicted, other]), masses
