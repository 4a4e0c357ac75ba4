"""Majority vote: all rules count the same, or rules that vote rarely count more."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from wsal.arrays import Classes, Mask, Prior, Probs, Votes
from wsal.label_models.scoring import predict_in_parts, prior_or_uniform
from wsal.label_models.sparse import SparseVotes, as_sparse
from wsal.members import by_class, by_code

TIE = 1e-6  # weight of the prior in a vote: enough to settle ties, and nothing else


@dataclass(frozen=True)
class Majority:
    """Each class's share of a text's votes. Tied classes share, unless a prior settles the tie.

    The classes of a parent share a vote for it, as the prior says.

    With `specificity`, a vote weighs log(texts / votes of its rule): rules that vote on few texts
    are mostly better than rules that vote on many.

    >>> votes = np.array([[0, 0, 1], [-1, -1, -1]], dtype=np.int16)
    >>> Majority().fit(votes, n_classes=2).predict_proba(votes).round(2).tolist()
    [[0.67..., 0.33...], [0.5, 0.5]]
    """

    weighting: Literal["none", "specificity"] = "none"
    """`none`: all votes count the same; `specificity`: rules that vote rarely count more."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,  # noqa: ARG002
    ) -> "FittedMajority":
        """Count how often each rule votes, if that matters; gold is not used."""
        votes = as_sparse(votes, n_classes)
        weights = np.ones(votes.n_rules)
        if self.weighting == "specificity" and len(votes):
            weights = specificity(np.bincount(votes.rules, minlength=votes.n_rules), len(votes))
        return FittedMajority(weights, prior_or_uniform(n_classes, prior), votes.members)


def specificity(n_votes: np.ndarray, n_texts: int) -> np.ndarray:
    """`(rules,)`: log(texts / votes), the weight of a vote of rules that cast `n_votes`."""
    weights: np.ndarray = np.log(max(n_texts, 1) / np.clip(n_votes, 1, max(n_texts, 1) * 0.999))
    return weights


@dataclass(frozen=True)
class FittedMajority:
    """The weight of a vote of each rule, `(rules,)`."""

    weights: np.ndarray
    prior: Prior
    members: Mask | None = None
    """`(codes, classes)`, if votes may be for parents."""

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: shares of the weighted votes."""
        return predict_in_parts(votes, self.prior, self._shares)

    def _shares(self, votes: SparseVotes) -> np.ndarray:
        n_codes = len(self.prior) if self.members is None else len(self.members)
        texts = np.repeat(np.arange(len(votes)), votes.n_votes)
        cells, weights = texts * n_codes + votes.classes, self.weights[votes.rules]
        counts: np.ndarray = np.bincount(cells, weights, len(votes) * n_codes)
        counts = counts.reshape(-1, n_codes)
        if self.members is not None:
            share = by_code(self.prior[None], self.members)[0]
            counts = by_class(counts / np.maximum(share, 1e-12), self.members) * self.prior
        counts += TIE * self.prior * weights.mean()
        shares: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
        return shares

    def arrays(self) -> dict[str, np.ndarray]:
        """`weights` (rules,) and `prior` (classes,)."""
        return {"weights": self.weights, "prior": self.prior}

    def why(self) -> str:
        """Whether all rules weigh the same."""
        same = bool((self.weights == 1).all())
        return "majority vote; " + ("rules weigh alike" if same else "rare rules weigh more")
