"""FlyingSquid's label model: rule accuracies in closed form, from rules taken three at a time.

It is here to compare with (`make bench-label-models`), and can be chosen with
`label_model=triplets`; `Auto` never chooses it.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import softmax

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.scoring import predict_in_parts, prior_or_uniform
from wsal.label_models.sparse import SparseVotes, as_sparse, only_classes
from wsal.label_models.vote_patterns import learning_sample
from wsal.settings import Positive, Share

MOST_PRECISE = 0.99


@dataclass(frozen=True)
class Triplets:
    """Fu et al. (2020, ICML): |a_i| = sqrt(E_ij E_ik / E_jk), one class against the rest.

    FlyingSquid counts an agreement of 0 for rules that never vote together, and takes the mean.
    Here only pairs with `least_overlap` common texts count, the median is taken, and a rule in no
    triplet is assumed to be right in `expected` of its votes. The rules should vote for several
    classes each: the agreement of keyword rules for one class says little.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Triplets().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    least_overlap: Positive = 20
    """Texts that two rules must both vote on to be compared."""
    expected: Annotated[Share, Field(gt=0.5, lt=1)] = 0.75
    """Precision of the votes of a rule that is in no triplet."""
    max_texts: Positive = 1_000_000
    """Size of the sample of texts; rules that vote rarely keep all their votes."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,  # noqa: ARG002
    ) -> "FittedTriplets":
        """One accuracy per rule and class, from agreement where rules vote together.

        Gold is not used.
        """
        votes = only_classes(as_sparse(votes, n_classes), n_classes, "triplets").without_terms()
        sample, weights = learning_sample(votes, self.max_texts, least=100)
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
        return FittedTriplets(accuracy, prior_or_uniform(n_classes, prior))

    def _accuracies(self, agreement: np.ndarray, overlap: np.ndarray, n_classes: int) -> np.ndarray:
        """`(rules,)`: P(right about whether it is the class), the median over all triplets."""
        usable = (overlap >= self.least_overlap) & (np.abs(agreement) > 1e-3)
        np.fill_diagonal(usable, val=False)
        accuracies = np.full(len(agreement), accuracy_of(self.expected, n_classes))
        for i in range(len(agreement)):
            others = np.flatnonzero(usable[i])
            pairs = usable[np.ix_(others, others)]
            if not pairs.any():
                continue
            with_i = np.abs(agreement[i, others])
            squares = np.outer(with_i, with_i)[pairs] / np.abs(
                agreement[np.ix_(others, others)][pairs]
            )
            accuracies[i] = (1 + np.sqrt(min(float(np.median(squares)), 1.0))) / 2
        clipped: np.ndarray = np.clip(accuracies, 0.5, accuracy_of(MOST_PRECISE, n_classes))
        return clipped


def accuracy_of(precision: float, n_classes: int) -> float:
    """P(right about whether a text is of one class) for a rule whose votes have this precision.

    Classes are taken as equally common, and wrong votes as spread evenly over the other classes.
    With two classes it equals the precision; with more it is higher, as every vote for one class
    is right to deny most of the others.

    >>> accuracy_of(0.75, 2), accuracy_of(0.75, 4)
    (0.75, 0.875)
    """
    return 1 - 2 * (1 - precision) / n_classes


@dataclass(frozen=True)
class FittedTriplets:
    """P(a rule is right about whether a text is of the class), `(rules, classes)`."""

    accuracy: np.ndarray
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: by Bayes' rule, from the precision that the accuracies imply.

        A vote counts as evidence once, for its class; that it denies the other classes is the same
        evidence, not more of it.
        """
        n_classes = len(self.prior)
        precision = np.clip(1 - n_classes * (1 - self.accuracy) / 2, 1 / n_classes, MOST_PRECISE)
        odds = np.log(precision / (1 - precision) * max(n_classes - 1, 1))
        weights = (odds[:, :, None] * np.eye(n_classes)).reshape(-1, n_classes)

        def posterior(covered: SparseVotes) -> np.ndarray:
            scores = covered.indicators(n_classes) @ weights + np.log(self.prior)
            probs: np.ndarray = softmax(scores, axis=1)
            return probs

        return predict_in_parts(votes, self.prior, posterior)

    def arrays(self) -> dict[str, np.ndarray]:
        """`accuracy` (rules, classes) and `prior` (classes,)."""
        return {"accuracy": self.accuracy, "prior": self.prior}

    def why(self) -> str:
        """What was used."""
        return f"triplets of {len(self.accuracy)} rules"
