"""From scores to calibrated probabilities, and whether gold shows that one model is better."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from wsal.arrays import Classes, Prior

LAPSE = 0.02
"""Probability that the rules say nothing about a text's class, however many agree: the same word
may have misled all of them. It keeps every class at least as likely as this share of its prior, so
that no single text costs more than a few nats."""
TEMPER_STD = 0.3
BONUS_STD = 0.5
"""Standard deviations of the priors on log(temper) and on the bonus. With 30 gold texts, the temper
stays between half and twice its usual value; 300 can move it anywhere."""
TEMPER_BOUNDS = (0.05, 4.0)
BONUS_BOUNDS = (0.0, 5.0)
FOLDS = 5
STANDARD_ERRORS = 2
"""A model is chosen over another only if it is better by this many standard errors."""


@dataclass(frozen=True)
class Calibration:
    """A scale of the scores (temperature scaling, Guo et al., 2017), and a bonus for the top class.

    The bonus raises the probability of answers that are right more often than their votes say. A
    low temper with a bonus means that all texts are about equally sure, whatever their votes weigh.
    """

    temper: float = 1.0  # factor of the scores, in TEMPER_BOUNDS
    bonus: float = 0.0  # nats, in BONUS_BOUNDS

    def log_posterior(self, scores: np.ndarray, prior: Prior) -> np.ndarray:
        """`(texts, classes)`: scaled scores plus the log prior, without bonus, up to a constant."""
        log_posterior: np.ndarray = self.temper * scores + np.log(prior * len(prior))
        return log_posterior

    def probs(self, scores: np.ndarray, prior: Prior) -> np.ndarray:
        """`(texts, classes)`, rows sum to 1, from scores that do not include the prior.

        >>> Calibration().probs(np.array([[0.0, 0.0]]), np.array([0.25, 0.75])).round(3).tolist()
        [[0.25, 0.75]]
        """
        logits = self.log_posterior(scores, prior)
        if self.bonus:
            logits = logits + self.bonus * (likeliest(logits) > 0)
        probs: np.ndarray = (1 - LAPSE) * softmax(logits, axis=1) + LAPSE * prior
        return probs

    def arrays(self) -> dict[str, np.ndarray]:
        """`temper` and `bonus`."""
        return {"temper": np.array(self.temper), "bonus": np.array(self.bonus)}

    def why(self) -> str:
        """The scale and the bonus in words."""
        if self.temper == 1 and not self.bonus:
            return "probabilities not changed by calibration"
        return f"evidence scaled by {self.temper:.2f}, {self.bonus:.2g} more for the top class"


def likeliest(scores: np.ndarray) -> np.ndarray:
    """`(texts, classes)`: 1 for the class with the highest score; tied classes share it.

    >>> likeliest(np.array([[3.0, 1.0], [2.0, 2.0]])).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    top = scores >= scores.max(axis=1, keepdims=True, initial=-np.inf) - 1e-6
    labels: np.ndarray = top / top.sum(axis=1, keepdims=True)
    return labels


def log_losses(probs: np.ndarray, truth: Classes) -> np.ndarray:
    """`(texts,)`: -log P(true class), in nats, not clipped.

    >>> log_losses(np.array([[0.5, 0.5]]), np.array([1])).round(3).tolist()
    [0.693]
    """
    losses: np.ndarray = -np.log(probs[np.arange(len(truth)), truth])
    return losses


def calibrate(scores: np.ndarray, truth: Classes, prior: Prior, usual: float = 1.0) -> Calibration:
    """The maximum a posteriori temper and bonus; the prior of log(temper) is around `usual`."""

    def cost(point: np.ndarray) -> float:
        log_temper, bonus = point
        calibration = Calibration(float(np.exp(log_temper)), float(bonus))
        penalty = ((log_temper - np.log(usual)) / TEMPER_STD) ** 2 + (bonus / BONUS_STD) ** 2
        return float(log_losses(calibration.probs(scores, prior), truth).sum() + penalty / 2)

    bounds = [tuple(np.log(TEMPER_BOUNDS)), BONUS_BOUNDS]
    best = minimize(cost, [np.log(usual), 0.01], method="L-BFGS-B", bounds=bounds).x
    return Calibration(float(np.exp(best[0])), float(best[1]))


def folds_of(n: int) -> np.ndarray:
    """`(n,)`: the fold of each of n texts that are in no particular order."""
    return np.arange(n) % FOLDS


def cross_calibrated(
    scores: np.ndarray, truth: Classes, prior: Prior, usual: float = 1.0
) -> np.ndarray:
    """`(texts, classes)`: probabilities of each fold, calibrated on the other folds."""
    probs, folds = np.empty(scores.shape), folds_of(len(truth))
    for fold in range(FOLDS):
        train, held_out = folds != fold, folds == fold
        calibration = calibrate(scores[train], truth[train], prior, usual)
        probs[held_out] = calibration.probs(scores[held_out], prior)
    return probs


def clearly_better(probs: np.ndarray, reference: np.ndarray, truth: Classes) -> bool:
    """Whether the log loss of `probs` is lower by more than `STANDARD_ERRORS` standard errors.

    The standard error is the larger of what the texts show and what would be expected if
    `reference` were the truth. The latter accounts for mistakes too rare to occur in a small
    sample: 30 texts that are all right do not show that no text is ever wrong.
    """
    gain = log_losses(reference, truth) - log_losses(probs, truth)
    difference = np.log(probs) - np.log(reference)
    mean = (reference * difference).sum(axis=1, keepdims=True)
    expected = float((reference * (difference - mean) ** 2).sum(axis=1).mean())
    error = np.sqrt(max(float(gain.var(ddof=1)), expected) / len(gain))
    return bool(gain.mean() > STANDARD_ERRORS * error)
