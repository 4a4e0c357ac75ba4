"""From scores to calibrated probabilities, and whether gold shows that one model is better."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit, softmax

from wsal.arrays import Classes, Mask, Prior

LAPSE = 0.02
"""Probability that the rules say nothing about a text's class, however many agree: the same word
may have misled all of them. It keeps every class at least as likely as this share of its prior, so
that no single text costs more than a few nats."""
BONUS_STD = 0.3
SLOPE_STD = 0.3
"""Standard deviations of the priors on the bonus and on the slope. On eleven sets of rules, 30 gold
texts lower the mean calibration error from 0.093 to 0.072, and 100 to 0.055."""
BONUS_BOUNDS = (-5.0, 5.0)
SLOPE_BOUNDS = (0.0, 3.0)
FOLDS = 5
STANDARD_ERRORS = 2
"""A model is chosen over another only if it is better by this many standard errors."""


@dataclass(frozen=True)
class Calibration:
    """A scale of the scores (temperature scaling, Guo et al., 2017), then one of the top class.

    The log-odds of the top class become `bonus + slope * log-odds` (Platt, 1999), and the other
    classes share the rest as before. So the first answer can be right more or less often than its
    votes say, or always about equally often, while it never becomes the second.
    """

    temper: float = 1.0  # factor of the scores
    bonus: float = 0.0  # nats, in BONUS_BOUNDS
    slope: float = 1.0  # in SLOPE_BOUNDS

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
        if self.bonus or self.slope != 1:
            logits = self._top_moved(logits, prior)
        probs: np.ndarray = (1 - LAPSE) * softmax(logits, axis=1) + LAPSE * prior
        return probs

    def _top_moved(self, logits: np.ndarray, prior: Prior) -> np.ndarray:
        is_top, shares = likeliest(logits) > 0, softmax(logits, axis=1)
        top = shares.max(axis=1, keepdims=True)
        of_top = np.where(is_top, shares, 0).sum(axis=1, keepdims=True)  # more than one if tied
        move = self.bonus + (self.slope - 1) * logit(np.clip(top, 1e-6, 1 - 1e-6))
        # At the least factor of the top class, another class is as likely after the lapse.
        ahead = LAPSE * (prior - np.where(is_top, prior, 0).max(axis=1, keepdims=True))
        other = (1 - LAPSE) * shares + ahead * (1 - of_top)
        least = np.where(is_top, 0, other / np.maximum((1 - LAPSE) * top - ahead * of_top, 1e-9))
        lowest = np.log(np.clip(least.max(axis=1, keepdims=True), 1e-9, 1))
        moved: np.ndarray = logits + np.maximum(move, 0.999 * lowest) * is_top
        return moved

    def arrays(self) -> dict[str, np.ndarray]:
        """`temper`, `bonus` and `slope`."""
        values = {"temper": self.temper, "bonus": self.bonus, "slope": self.slope}
        return {name: np.array(value) for name, value in values.items()}

    def why(self) -> str:
        """The scale and the change of the top class in words."""
        if self == Calibration():
            return "probabilities not changed by calibration"
        scaled = f"evidence scaled by {self.temper:.2f}"
        if not self.bonus and self.slope == 1:
            return scaled
        return f"{scaled}, log-odds of the top class {self.bonus:.2g} + {self.slope:.2g} x theirs"


def likeliest(scores: np.ndarray) -> np.ndarray:
    """`(texts, classes)`: 1 for the class with the highest score; tied classes share it.

    >>> likeliest(np.array([[3.0, 1.0], [2.0, 2.0]])).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    top = scores >= scores.max(axis=1, keepdims=True, initial=-np.inf) - 1e-6
    labels: np.ndarray = top / top.sum(axis=1, keepdims=True)
    return labels


def log_losses(probs: np.ndarray, truth: Classes, members: Mask | None = None) -> np.ndarray:
    """`(texts,)`: -log P(true class), in nats, not clipped.

    Where the truth `(texts,)` is the code of a parent, that is the probability of its classes in
    sum; `members` `(codes, classes)` says which these are.

    >>> log_losses(np.array([[0.5, 0.5]]), np.array([1])).round(3).tolist()
    [0.693]
    """
    if members is None or not (truth >= probs.shape[1]).any():
        losses: np.ndarray = -np.log(probs[np.arange(len(truth)), truth])
    else:
        losses = -np.log((probs * members[truth]).sum(axis=1))
    return losses


def calibrate(
    scores: np.ndarray,
    truth: Classes,
    prior: Prior,
    temper: float = 1.0,
    members: Mask | None = None,
) -> Calibration:
    """The maximum a posteriori bonus and slope for scores with this factor."""
    from scipy.optimize import minimize  # noqa: PLC0415  takes a moment

    def cost(point: np.ndarray) -> float:
        bonus, slope = map(float, point)
        penalty = (bonus / BONUS_STD) ** 2 + ((slope - 1) / SLOPE_STD) ** 2
        probs = Calibration(temper, bonus, slope).probs(scores, prior)
        return float(log_losses(probs, truth, members).sum() + penalty / 2)

    bounds = [BONUS_BOUNDS, SLOPE_BOUNDS]
    best = minimize(cost, [0.01, 1.0], method="L-BFGS-B", bounds=bounds).x
    return Calibration(temper, float(best[0]), float(best[1]))


def folds_of(n: int) -> np.ndarray:
    """`(n,)`: the fold of each of n texts that are in no particular order."""
    return np.arange(n) % FOLDS


def cross_calibrated(
    scores: np.ndarray,
    truth: Classes,
    prior: Prior,
    temper: float = 1.0,
    members: Mask | None = None,
) -> np.ndarray:
    """`(texts, classes)`: probabilities of each fold, calibrated on the other folds."""
    probs, folds = np.empty(scores.shape), folds_of(len(truth))
    for fold in range(FOLDS):
        train, held_out = folds != fold, folds == fold
        calibration = calibrate(scores[train], truth[train], prior, temper, members)
        probs[held_out] = calibration.probs(scores[held_out], prior)
    return probs
