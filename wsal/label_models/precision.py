"""The second stage of a label model: votes weigh by how precise they are."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN, Votes

STRENGTH, EXPECTED = 10.0, 0.75  # pseudo-votes, and their precision, before any is seen


@dataclass(frozen=True)
class Precision:
    """P(class = vote | the rule cast that vote), smoothed; combined as log-odds."""

    precision: np.ndarray  # (rules, classes)
    temper: float

    def predict_proba(self, votes: Votes) -> np.ndarray:
        """`(texts, classes)`: softmax of the tempered log-odds of the votes for each class."""
        n_classes = self.precision.shape[1]
        odds = self.precision * (n_classes - 1) / (1 - self.precision)
        weight = np.maximum(np.log(odds), 1e-3)  # a vote never speaks against its class
        scores = np.zeros((len(votes), n_classes))
        for j in range(votes.shape[1]):
            said = np.flatnonzero(votes[:, j] != ABSTAIN)
            scores[said, votes[said, j]] += weight[j, votes[said, j]]
        return softmax(self.temper * scores)


def consensus_precision(
    votes: Votes, counts: np.ndarray, labels: np.ndarray, temper: float
) -> Precision:
    """The precision of each rule's votes against the likeliest class of each pattern.

    `counts` `(patterns,)` is how many texts have a pattern, `labels` `(patterns, classes)` what
    the first stage makes of them.
    """
    consensus = labels.argmax(axis=1)
    right = np.full((votes.shape[1], labels.shape[1]), STRENGTH * EXPECTED)
    cast = np.full_like(right, STRENGTH)
    for j in range(votes.shape[1]):
        said = np.flatnonzero(votes[:, j] != ABSTAIN)
        np.add.at(cast[j], votes[said, j], counts[said])
        agreed = said[votes[said, j] == consensus[said]]
        np.add.at(right[j], votes[agreed, j], counts[agreed])
    return Precision(right / cast, temper)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows to distributions.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    powers = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    normal: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return normal
