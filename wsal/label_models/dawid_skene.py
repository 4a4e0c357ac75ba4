"""Dawid and Skene (1979), maximum a posteriori: one confusion matrix a rule, learned by EM."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from wsal.arrays import Classes, Confusion, Prior, Probs, Votes
from wsal.label_models.majority import Majority
from wsal.label_models.scoring import by_parts, softmax, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.vote_patterns import distinct, evidence
from wsal.settings import Positive, Rate, Share

DENSE = 2**23  # cells up to which a dense product is faster than a sparse one


@dataclass(frozen=True)
class DawidSkene:
    """Abstains are missing, not evidence; the class prior is held as given inside EM.

    Learning the prior lets keyword rules that vote for one class only collapse onto it, and so
    does EM without pseudo-counts. Of many texts a sample is learned from (`evidence`), and of that
    the distinct patterns.

    Its most likely class is good; its probabilities are near uniform where each rule votes for one
    class. `Precision` starts from it and mends that.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> DawidSkene().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    right: Rate = 10.0
    """Pseudo-count of a vote for the true class, for each rule and class."""
    wrong: Rate = 1.0
    """Pseudo-count of a vote for each other class."""
    max_steps: Positive = 300
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """Stop when no probability moves by more."""
    drift: Share = 0.1
    """Stop before the classes' shares of the texts have moved this far (total variation) from
    majority vote's: with many one-class rules of few votes each, EM may end in one class."""
    max_texts: Positive = 100_000
    """Of more texts an even sample is learned from; rules that vote rarely keep all their votes."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedDawidSkene":
        """Start from the majority vote; then let labels and confusions correct each other."""
        prior = uniform(n_classes, prior)
        sample, weights = evidence(votes, self.max_texts, least=100)
        patterns, which, _ = distinct(sample)
        counts = np.bincount(which, weights, len(patterns))
        cells = _cells(patterns, n_classes)
        known = _gold_counts(votes, gold, n_classes)
        labels = Majority().fit(patterns, n_classes).predict_proba(patterns)
        mass = counts[:, None].astype(np.float32)
        confusion = self._confusion(cells.T @ (labels * mass) + known, n_classes)
        at_first = (labels * mass).sum(axis=0)
        for _ in range(self.max_steps):
            updated = _posterior(cells, confusion, prior)
            if np.abs((updated * mass).sum(axis=0) - at_first).sum() > 2 * self.drift * mass.sum():
                break  # the classes with the most votes are about to swallow the others
            moved = np.abs(updated - labels).max(initial=0.0)
            labels = updated
            confusion = self._confusion(cells.T @ (labels * mass) + known, n_classes)
            if moved < self.tolerance:
                break
        return FittedDawidSkene(confusion, prior)

    def _confusion(self, said: np.ndarray, n_classes: int) -> Confusion:
        """`(rules, classes, classes)`: P(vote | class) where the rule voted."""
        pseudo = np.full((n_classes, n_classes), self.wrong)
        np.fill_diagonal(pseudo, self.right)
        counts = said.reshape(-1, n_classes, n_classes).transpose(0, 2, 1) + pseudo
        normal: Confusion = counts / counts.sum(axis=2, keepdims=True)
        return normal


@dataclass(frozen=True)
class FittedDawidSkene:
    """How each rule votes on a text of each class."""

    confusion: Confusion
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: by Bayes' rule."""
        n_classes = len(self.prior)

        def judge(some: SparseVotes) -> np.ndarray:
            return _posterior(some.indicators(n_classes), self.confusion, self.prior)

        return by_parts(votes, self.prior, judge)

    def arrays(self) -> dict[str, np.ndarray]:
        """`confusion` (rules, classes, classes) and `prior` (classes,)."""
        return {"confusion": self.confusion, "prior": self.prior}

    def why(self) -> str:
        """What was learned."""
        return f"Dawid-Skene; a confusion matrix for each of {len(self.confusion)} rules"


def _posterior(
    cells: sparse.csr_matrix | np.ndarray, confusion: Confusion, prior: Prior
) -> np.ndarray:
    """Bayes' rule with rules independent given the class, in logs lest products underflow."""
    likelihood = np.log(confusion).transpose(0, 2, 1).reshape(-1, len(prior))
    scores = cells @ likelihood.astype(np.float32)
    return softmax(scores + np.log(prior).astype(np.float32))


def _cells(votes: SparseVotes, n_classes: int) -> sparse.csr_matrix | np.ndarray:
    """The indicators; dense where they are few enough for that to be the faster product."""
    cells = votes.indicators(n_classes)
    return cells.toarray() if np.prod(cells.shape, dtype=float) <= DENSE else cells


def _gold_counts(votes: Votes | SparseVotes, gold: Classes | None, n_classes: int) -> np.ndarray:
    """`(rules * classes, classes)`: what rules said of texts whose class is known.

    They count once more beside the guess that EM makes of them.
    """
    n_rules = votes.n_rules if isinstance(votes, SparseVotes) else votes.shape[1]
    known = np.flatnonzero(gold >= 0) if gold is not None else np.empty(0, np.int64)
    if gold is None or not len(known):
        return np.zeros((n_rules * n_classes, n_classes), dtype=np.float32)
    some = votes.take(known) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[known])
    truth = np.eye(n_classes, dtype=np.float32)[gold[known]]
    counts: np.ndarray = some.indicators(n_classes).T @ truth
    return counts
