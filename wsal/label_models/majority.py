"""Majority vote: every rule counts alike, or the more, the rarer it votes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.scoring import by_parts, uniform
from wsal.label_models.sparse import SparseVotes

TIE = 1e-6  # the prior settles ties, and nothing else


@dataclass(frozen=True)
class Majority:
    """Each class's share of a text's votes. Ties share, unless a prior settles them.

    By `specificity` a vote weighs log(texts / votes of that rule): rules that say something of few
    texts are mostly better than those that say it of many.

    >>> votes = np.array([[0, 0, 1], [-1, -1, -1]], dtype=np.int16)
    >>> Majority().fit(votes, n_classes=2).predict_proba(votes).round(2).tolist()
    [[0.67..., 0.33...], [0.5, 0.5]]
    """

    weighting: Literal["none", "specificity"] = "none"

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,  # noqa: ARG002
    ) -> "FittedMajority":
        """How often each rule votes, if that counts; gold teaches a majority nothing."""
        weights = np.ones(votes.n_rules if isinstance(votes, SparseVotes) else votes.shape[1])
        if self.weighting == "specificity" and len(votes):
            held = SparseVotes.of(votes)
            weights = rarity(np.bincount(held.rules, minlength=held.n_rules), len(held))
        return FittedMajority(weights, uniform(n_classes, prior))


def rarity(cast: np.ndarray, n_texts: int) -> np.ndarray:
    """`(rules,)`: what a vote weighs by specificity, from how many each rule cast."""
    weights: np.ndarray = np.log(max(n_texts, 1) / np.clip(cast, 1, max(n_texts, 1) * 0.999))
    return weights


@dataclass(frozen=True)
class FittedMajority:
    """What a vote of each rule weighs `(rules,)`."""

    weights: np.ndarray
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: shares of the votes."""
        return by_parts(votes, self.prior, self._shares)

    def _shares(self, votes: SparseVotes) -> np.ndarray:
        n_classes = len(self.prior)
        texts = np.repeat(np.arange(len(votes)), votes.n_votes)
        cells, weights = texts * n_classes + votes.classes, self.weights[votes.rules]
        counts = np.bincount(cells, weights, len(votes) * n_classes).reshape(-1, n_classes)
        counts += TIE * self.prior * weights.mean()
        shares: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
        return shares

    def arrays(self) -> dict[str, np.ndarray]:
        """`weights` (rules,) and `prior` (classes,)."""
        return {"weights": self.weights, "prior": self.prior}

    def why(self) -> str:
        """Whether rules weigh alike."""
        alike = bool((self.weights == 1).all())
        return "majority vote; " + ("rules weigh alike" if alike else "rare rules weigh more")
