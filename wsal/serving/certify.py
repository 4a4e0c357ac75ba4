"""The confidence from which the student may answer for the classifier, with a certificate."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, binom

LEVEL = 0.95  # of all that is certified
SHARES = np.arange(1, 51) / 50  # of texts answered; thresholds are considered for these


@dataclass(frozen=True)
class Certificate:
    """What holds, with 95% confidence, for the distinct texts of the input."""

    least: float
    """The confidence from which the student answers."""
    at_least: float
    """A lower bound of its agreement with the classifier on texts that it answers."""
    agreement: float
    """The agreement that was observed."""
    low: float
    high: float
    """Ends of the 95% interval of the observed agreement (Clopper and Pearson)."""
    n_texts: int
    """The texts on which it was observed."""


def certify(
    choice: tuple[np.ndarray, np.ndarray], proof: tuple[np.ndarray, np.ndarray], at_least: float
) -> Certificate | None:
    """The lowest confidence from which the agreement is certified; None if there is none.

    Thresholds are tested one by one, from the one with the strongest evidence in `choice` to lower
    ones, each at 5%, until one fails: this fixed sequence needs no correction for their number
    (Angelopoulos et al., Learn then Test, 2021). So the true agreement is less than `at_least` in
    at most 5% of cases.

    Args:
        choice: confidences of the student and whether it agrees, both `(texts,)`; these texts
            decide the order of tests.
        proof: the same of other texts, on which the tests are made.
        at_least: the agreement to certify.
    """
    confidence, agrees = choice
    if not len(confidence):
        return None
    thresholds = np.unique(np.quantile(confidence, 1 - SHARES, method="lower"))[::-1]
    evidence = [_p_value(*_counts(confidence, agrees, t), at_least) for t in thresholds]
    certified = None
    for threshold in thresholds[int(np.argmin(evidence)) :]:
        n_agree, n = _counts(*proof, threshold)
        if not n or _p_value(n_agree, n, at_least) > 1 - LEVEL:
            break
        interval = clopper_pearson(n_agree, n)
        certified = Certificate(float(threshold), at_least, n_agree / n, *interval, n)
    return certified


def clopper_pearson(k: int, n: int) -> tuple[float, float]:
    """The 95% interval of a share, if k of n were observed.

    >>> [round(end, 3) for end in clopper_pearson(99, 100)]
    [0.946, 1.0]
    """
    tail = (1 - LEVEL) / 2
    low = beta.ppf(tail, k, n - k + 1) if k else 0.0
    high = beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
    return float(low), float(high)


def _counts(confidence: np.ndarray, agrees: np.ndarray, threshold: float) -> tuple[int, int]:
    answered = confidence >= threshold
    return int(agrees[answered].sum()), int(answered.sum())


def _p_value(k: int, n: int, share: float) -> float:
    """The chance of k or more of n if the true share is `share`, as Clopper and Pearson test."""
    return float(binom.sf(k - 1, n, share))
