"""FlyingSquid's label model: rule accuracies in closed form, from rules taken three at a time."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.patterns import evidence
from wsal.label_models.scoring import by_parts, softmax, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.settings import Positive, Share

SURE = 0.99


@dataclass(frozen=True)
class Triplets:
    """Fu et al. (2020, ICML): |a_i| = sqrt(E_ij E_ik / E_jk), one class against the rest.

    Theirs takes 0 for rules that never vote together, and averages it; here only pairs with
    `least_overlap` common texts count, the median over them is taken, and a rule that is in no
    triplet has the `expected` accuracy. Needs rules that vote for several classes: of keyword
    rules for one class each, agreement says little.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Triplets().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    least_overlap: Positive = 20
    expected: Annotated[Share, Field(gt=0.5, lt=1)] = 0.75
    max_texts: Positive = 1_000_000

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,  # noqa: ARG002
    ) -> "FittedTriplets":
        """One accuracy a rule and class, from agreement where rules vote together."""
        sample, weights = evidence(votes, self.max_texts, least=100)
        cells = sample.indicators(n_classes).tocsc()
        fires = sum(cells[:, c::n_classes] for c in range(n_classes)).tocsr()
        overlap = (fires.T @ fires).toarray()
        weighted = fires.multiply(weights[:, None]).tocsr()
        both = (fires.T @ weighted).toarray()
        accuracy = np.empty((sample.n_rules, n_classes))
        for c in range(n_classes):
            signs = (2 * cells[:, c::n_classes] - fires).tocsr()
            together = (signs.T @ signs.multiply(weights[:, None])).toarray()
            agreement = np.divide(together, both, out=np.zeros_like(together), where=both > 0)
            accuracy[:, c] = self._accuracies(agreement, overlap)
        return FittedTriplets(accuracy, uniform(n_classes, prior))

    def _accuracies(self, agreement: np.ndarray, overlap: np.ndarray) -> np.ndarray:
        """`(rules,)`: P(vote is right), the median over all triplets that a rule is in."""
        usable = (overlap >= self.least_overlap) & (np.abs(agreement) > 1e-3)
        np.fill_diagonal(usable, val=False)
        found = np.full(len(agreement), self.expected)
        for i in range(len(agreement)):
            others = np.flatnonzero(usable[i])
            pairs = usable[np.ix_(others, others)]
            if not pairs.any():
                continue
            with_i = np.abs(agreement[i, others])
            squares = np.outer(with_i, with_i)[pairs] / np.abs(
                agreement[np.ix_(others, others)][pairs]
            )
            found[i] = (1 + np.sqrt(min(float(np.median(squares)), 1.0))) / 2
        clipped: np.ndarray = np.clip(found, 0.5, SURE)
        return clipped


@dataclass(frozen=True)
class FittedTriplets:
    """P(a rule is right on whether a text is of the class) `(rules, classes)`."""

    accuracy: np.ndarray
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: the sum of the log-odds for each class, and against the others."""
        n_classes = len(self.prior)
        odds = np.log(self.accuracy / (1 - self.accuracy))
        weights = np.where(np.eye(n_classes, dtype=bool), odds[:, None, :], -odds[:, None, :] / 2)
        weights = weights.reshape(-1, n_classes)

        def judge(some: SparseVotes) -> np.ndarray:
            return softmax(some.indicators(n_classes) @ weights + np.log(self.prior))

        return by_parts(votes, self.prior, judge)

    def arrays(self) -> dict[str, np.ndarray]:
        """`accuracy` (rules, classes) and `prior` (classes,)."""
        return {"accuracy": self.accuracy, "prior": self.prior}

    def why(self) -> str:
        """What was solved for."""
        return f"triplets of {len(self.accuracy)} rules"
