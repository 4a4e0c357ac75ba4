"""From scores to probabilities that mean what they say, and whether gold shows that others do."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from wsal.arrays import Classes, Prior
from wsal.label_models.scoring import softmax

LAPSE = 0.02
"""How often rules say nothing of a text's class, whatever they weigh: all of them may have been
misled by the same word. No weight of votes makes a class less likely than this share of the prior,
so that a single text can never cost more than a few nats."""
TEMPER_DOUBT, BONUS_DOUBT = 0.3, 0.5
"""Standard deviations of the priors on log(temper) and on the bonus. With 30 gold texts the temper
can hardly leave the range from half to twice the usual one; 300 move it wherever they want."""
TEMPERS, BONUSES = (0.05, 4.0), (0.0, 5.0)
FOLDS = 5
ERRORS = 2
"""By how many standard errors of the mean log loss a model has to be better to be taken."""


@dataclass(frozen=True)
class Calibration:
    """A temperature of the scores (Guo et al., 2017), and a bonus for the likeliest class.

    The bonus lifts what is right more often than its votes say. A low temper with a bonus says:
    all texts are about as sure, whatever their votes weigh.
    """

    temper: float = 1.0
    bonus: float = 0.0

    def weighed(self, scores: np.ndarray, prior: Prior) -> np.ndarray:
        """`(texts, classes)`: tempered scores and the log of the prior, up to a constant."""
        weighed: np.ndarray = self.temper * scores + np.log(prior * len(prior))
        return weighed

    def probs(self, scores: np.ndarray, prior: Prior) -> np.ndarray:
        """`(texts, classes)` of scores that do not hold the prior yet; rows sum to 1.

        >>> Calibration().probs(np.array([[0.0, 0.0]]), np.array([0.25, 0.75])).round(3).tolist()
        [[0.25, 0.75]]
        """
        weighed = self.weighed(scores, prior)
        if self.bonus:
            weighed = weighed + self.bonus * (likeliest(weighed) > 0)
        probs: np.ndarray = (1 - LAPSE) * softmax(weighed) + LAPSE * prior
        return probs


def likeliest(scores: np.ndarray) -> np.ndarray:
    """`(texts, classes)`: 1 for the class of the highest score; classes that tie share.

    >>> likeliest(np.array([[3.0, 1.0], [2.0, 2.0]])).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    top = scores >= scores.max(axis=1, keepdims=True, initial=-np.inf) - 1e-6
    labels: np.ndarray = top / top.sum(axis=1, keepdims=True)
    return labels


def log_losses(probs: np.ndarray, truth: Classes) -> np.ndarray:
    """`(texts,)`: -log P(true class), in nats; nothing is clipped.

    >>> log_losses(np.array([[0.5, 0.5]]), np.array([1])).round(3).tolist()
    [0.693]
    """
    losses: np.ndarray = -np.log(probs[np.arange(len(truth)), truth])
    return losses


def calibrate(scores: np.ndarray, truth: Classes, prior: Prior, usual: float = 1.0) -> Calibration:
    """The most likely temper and bonus a posteriori: log(temper) is near that of `usual`."""

    def cost(at: np.ndarray) -> float:
        tried = Calibration(float(np.exp(at[0])), float(at[1]))
        doubt = ((at[0] - np.log(usual)) / TEMPER_DOUBT) ** 2 + (at[1] / BONUS_DOUBT) ** 2
        return float(log_losses(tried.probs(scores, prior), truth).sum() + doubt / 2)

    bounds = [tuple(np.log(TEMPERS)), BONUSES]
    best = minimize(cost, [np.log(usual), 0.01], method="L-BFGS-B", bounds=bounds).x
    return Calibration(float(np.exp(best[0])), float(best[1]))


def folds_of(n: int) -> np.ndarray:
    """`(n,)`: the fold of each of n texts that come in no order."""
    return np.arange(n) % FOLDS


def cross_calibrated(
    scores: np.ndarray, truth: Classes, prior: Prior, usual: float = 1.0
) -> np.ndarray:
    """`(texts, classes)`: each fold calibrated by the other folds."""
    probs, folds = np.empty(scores.shape), folds_of(len(truth))
    for fold in range(FOLDS):
        rest, held = folds != fold, folds == fold
        learned = calibrate(scores[rest], truth[rest], prior, usual)
        probs[held] = learned.probs(scores[held], prior)
    return probs


def clearly_better(probs: np.ndarray, than: np.ndarray, truth: Classes) -> bool:
    """Whether log loss is lower by more than `ERRORS` standard errors.

    The error is the larger of what the texts show and what they would show if `than` were right.
    The latter knows of mistakes too rare to be among a few texts: 30 texts on which all is right
    do not show that nothing ever is wrong.
    """
    gain = log_losses(than, truth) - log_losses(probs, truth)
    apart = np.log(probs) - np.log(than)
    mean = (than * apart).sum(axis=1, keepdims=True)
    expected = float((than * (apart - mean) ** 2).sum(axis=1).mean())
    error = np.sqrt(max(float(gain.var(ddof=1)), expected) / len(gain))
    return bool(gain.mean() > ERRORS * error)
