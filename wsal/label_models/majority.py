"""Majority vote: every rule counts alike."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN, Probs, Votes


@dataclass(frozen=True)
class Majority:
    """Each class's share of a text's votes. Ties share; a text without a vote gets uniform.

    >>> votes = np.array([[0, 0, 1], [-1, -1, -1]], dtype=np.int16)
    >>> Majority().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 0]
    """

    def fit(self, votes: Votes, n_classes: int) -> "FittedMajority":  # noqa: ARG002
        """Nothing is learned but the number of classes."""
        return FittedMajority(n_classes)


@dataclass(frozen=True)
class FittedMajority:
    """Knows how many classes there are."""

    n_classes: int

    def predict_proba(self, votes: Votes) -> Probs:
        """`(texts, classes)`: shares of the votes."""
        counts = count_votes(votes, self.n_classes)
        counts[counts.sum(axis=1) == 0] = 1
        probs: Probs = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
        return probs

    def arrays(self) -> dict[str, np.ndarray]:
        """The number of classes."""
        return {"n_classes": np.array(self.n_classes)}


def count_votes(votes: Votes, n_classes: int) -> np.ndarray:
    """`(texts, classes)`: how many rules voted for each class."""
    counts = np.zeros((len(votes), n_classes))
    texts, rules = np.nonzero(votes != ABSTAIN)
    np.add.at(counts, (texts, votes[texts, rules]), 1)
    return counts
