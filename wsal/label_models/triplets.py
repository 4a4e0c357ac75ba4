"""FlyingSquid's label model: rule accuracies in closed form, from rules taken three at a time."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.scoring import by_parts, softmax, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.vote_patterns import evidence
from wsal.settings import Positive, Share

SURE = 0.99


@dataclass(frozen=True)
class Triplets:
    """Fu et al. (2020, ICML): |a_i| = sqrt(E_ij E_ik / E_jk), one class against the rest.

    Theirs takes 0 for rules that never vote together, and averages it; here only pairs with
    `least_overlap` common texts count, the median over them is taken, and a rule that is in no
    triplet is right in `expected` of its votes. Needs rules that vote for several classes: of
    keyword rules for one class each, agreement says little.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Triplets().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    least_overlap: Positive = 20
    expected: Annotated[Share, Field(gt=0.5, lt=1)] = 0.75
    """How precise a vote is of which agreement tells nothing."""
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
            accuracy[:, c] = self._accuracies(agreement, overlap, n_classes)
        return FittedTriplets(accuracy, uniform(n_classes, prior))

    def _accuracies(self, agreement: np.ndarray, overlap: np.ndarray, n_classes: int) -> np.ndarray:
        """`(rules,)`: P(right on whether it is the class), the median over a rule's triplets."""
        usable = (overlap >= self.least_overlap) & (np.abs(agreement) > 1e-3)
        np.fill_diagonal(usable, val=False)
        found = np.full(len(agreement), accuracy_of(self.expected, n_classes))
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
        clipped: np.ndarray = np.clip(found, 0.5, accuracy_of(SURE, n_classes))
        return clipped


def accuracy_of(precision: float, n_classes: int) -> float:
    """P(right on whether a text is of one class) of a rule whose votes are right so often.

    Classes being equally common, and wrong votes falling on all others alike. Of two classes that
    is its precision; of more, most of its votes rightly deny most classes.

    >>> accuracy_of(0.75, 2), accuracy_of(0.75, 4)
    (0.75, 0.875)
    """
    return 1 - 2 * (1 - precision) / n_classes


@dataclass(frozen=True)
class FittedTriplets:
    """P(a rule is right on whether a text is of the class) `(rules, classes)`."""

    accuracy: np.ndarray
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: by Bayes' rule, from how precise votes of such accuracies are.

        A vote is evidence for its class once: that it denies the others is the same evidence.
        """
        n_classes = len(self.prior)
        precision = np.clip(1 - n_classes * (1 - self.accuracy) / 2, 1 / n_classes, SURE)
        odds = np.log(precision / (1 - precision) * max(n_classes - 1, 1))
        weights = (odds[:, :, None] * np.eye(n_classes)).reshape(-1, n_classes)

        def judge(some: SparseVotes) -> np.ndarray:
            return softmax(some.indicators(n_classes) @ weights + np.log(self.prior))

        return by_parts(votes, self.prior, judge)

    def arrays(self) -> dict[str, np.ndarray]:
        """`accuracy` (rules, classes) and `prior` (classes,)."""
        return {"accuracy": self.accuracy, "prior": self.prior}

    def why(self) -> str:
        """What was solved for."""
        return f"triplets of {len(self.accuracy)} rules"
