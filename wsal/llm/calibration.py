"""From the confidence that a language model states to a probability that its answer is right."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

CENTRE = 0.75  # towards which stated confidence is shrunk while little is known
SHRINKAGE = 0.5  # of the distance to it, in log-odds
SPREAD = (1.0, 0.5)  # standard deviations of what is expected of level and slope
LARGEST = 0.99  # confidence beyond which nothing is told apart: models say 100% too readily


@dataclass(frozen=True)
class Calibration:
    """A rising function from stated confidence to a probability, linear in log-odds.

    >>> Calibration()(np.array([0.6, 0.75, 0.85, 0.95])).round(2).tolist()
    [0.68, 0.75, 0.8, 0.88]
    """

    level: float = float(logit(CENTRE))
    """The log-odds of an answer with confidence 0.75."""
    slope: float = SHRINKAGE

    def __call__(self, confidence: np.ndarray) -> np.ndarray:
        """The probability that each answer is right, `(answers,)`."""
        probability: np.ndarray = expit(self.level + self.slope * centred(confidence))
        return probability


def calibrate(
    confidence: np.ndarray, is_right: np.ndarray, weight: np.ndarray | None = None
) -> Calibration:
    """Logistic calibration (Platt, 1999) with a prior, so that few or no examples do no harm.

    Without examples, confidence is shrunk towards 0.75, since language models state too high ones
    (Xiong et al., 2024). Each example moves level and slope a little.

    Args:
        confidence: that the model stated, in [0, 1], `(answers,)`.
        is_right: whether each answer is right: 1, 0, or a probability, `(answers,)`.
        weight: how many examples each answer counts as, `(answers,)`; by default 1.
    """
    x = centred(confidence)
    counts = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    features = np.column_stack([np.ones(len(x)), x])
    expected = np.array([logit(CENTRE), SHRINKAGE])
    level, slope = fit_logistic(features, np.asarray(is_right), counts, expected, np.array(SPREAD))
    return Calibration(float(level), float(slope))


def fit_logistic(
    features: np.ndarray,
    is_right: np.ndarray,
    counts: np.ndarray,
    expected: np.ndarray,
    spread: np.ndarray,
    highest: np.ndarray | None = None,
) -> np.ndarray:
    """Coefficients of a logistic regression with normal priors; the second is never negative.

    Args:
        features: `(examples, coefficients)`.
        is_right: 1, 0, or a probability, `(examples,)`.
        counts: how many examples each counts as, `(examples,)`.
        expected: means of the priors, `(coefficients,)`.
        spread: standard deviations of the priors, `(coefficients,)`.
        highest: the largest value that each may have, `(coefficients,)`; by default any.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  takes a moment

    y = is_right.astype(np.float64)

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        z = features @ coefficients
        off = (coefficients - expected) / spread
        error = counts * (expit(z) - y)
        value = float(counts @ (np.logaddexp(0, z) - y * z) + off @ off / 2)
        return value, features.T @ error + off / spread

    lowest = np.where(np.arange(len(expected)) == 1, 0.0, -np.inf)
    highest = np.full(len(expected), np.inf) if highest is None else highest
    bounds = np.column_stack([lowest, highest])
    fitted: np.ndarray = minimize(loss, expected, jac=True, method="L-BFGS-B", bounds=bounds).x
    return fitted


def centred(confidence: np.ndarray) -> np.ndarray:
    """Log-odds of the confidence, 0 where it is 0.75."""
    kept = np.clip(np.asarray(confidence, dtype=np.float64), 1 - LARGEST, LARGEST)
    centred: np.ndarray = logit(kept) - logit(CENTRE)
    return centred
