"""Dawid and Skene (1979), maximum a posteriori: one confusion matrix per rule, learned by EM."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse
from scipy.special import softmax

from wsal.arrays import Classes, Confusion, Mask, Prior, Probs, Votes
from wsal.label_models.majority import Majority
from wsal.label_models.scoring import predict_in_parts, prior_or_uniform
from wsal.label_models.sparse import SparseVotes, as_sparse
from wsal.label_models.vote_patterns import distinct_patterns, learning_sample
from wsal.members import class_members
from wsal.settings import Positive, Rate, Share

DENSE_CELLS = 2**23  # up to this size, a dense product is faster than a sparse one


@dataclass(frozen=True)
class DawidSkene:
    """Confusion matrices by EM; abstentions are missing values, not evidence.

    The class prior is not learned: EM with a learned prior, or without pseudo-counts, can collapse
    to one class if every rule votes for a single class. EM runs on the distinct patterns of a
    sample (`learning_sample`).

    The most likely class is good. The probabilities are close to uniform if every rule votes for a
    single class; `Precision` starts from this model and corrects that.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> DawidSkene().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    right: Rate = 10.0
    """Pseudo-count of a vote for the true class, for each rule and class."""
    wrong: Rate = 1.0
    """Pseudo-count of a vote for each other class."""
    max_steps: Positive = 300
    """EM steps at most."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """Stop when no probability changes by more than this."""
    drift: Share = 0.1
    """Stop before the classes' shares of the texts have moved this far (total variation) from
    those of majority vote: with many one-class rules of few votes each, EM may end in one class."""
    max_texts: Positive = 100_000
    """Size of the sample of texts; rules that vote rarely keep all their votes."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedDawidSkene":
        """Start from majority vote, then alternate between confusion matrices and labels."""
        votes = as_sparse(votes, n_classes).without_terms()
        prior = prior_or_uniform(n_classes, prior)
        sample, weights = learning_sample(votes, self.max_texts, least=100)
        patterns, pattern_of_text, _ = distinct_patterns(sample)
        counts = np.bincount(pattern_of_text, weights, len(patterns))
        members = np.eye(n_classes, dtype=bool) if votes.members is None else votes.members
        cells = _indicators(patterns, len(members))
        gold_counts = _gold_counts(votes, gold, n_classes)
        labels = Majority().fit(patterns, n_classes).predict_proba(patterns)
        mass = counts[:, None].astype(np.float32)
        confusion = self._confusion(cells.T @ (labels * mass) + gold_counts, members)
        shares_at_start = (labels * mass).sum(axis=0)
        for _ in range(self.max_steps):
            updated = _posterior(cells, confusion, prior)
            moved = np.abs((updated * mass).sum(axis=0) - shares_at_start).sum()
            if moved > 2 * self.drift * mass.sum():
                break  # the classes with the most votes are about to absorb the others
            change = np.abs(updated - labels).max(initial=0.0)
            labels = updated
            confusion = self._confusion(cells.T @ (labels * mass) + gold_counts, members)
            if change < self.tolerance:
                break
        return FittedDawidSkene(confusion, prior)

    def _confusion(self, vote_counts: np.ndarray, members: Mask) -> Confusion:
        """`(rules, classes, codes)`: P(vote | class, the rule voted)."""
        pseudo = np.where(members.T, self.right, self.wrong)
        counts = vote_counts.reshape(-1, *members.shape).transpose(0, 2, 1) + pseudo
        normalised: Confusion = counts / counts.sum(axis=2, keepdims=True)
        return normalised


@dataclass(frozen=True)
class FittedDawidSkene:
    """How each rule votes on a text of each class."""

    confusion: Confusion
    prior: Prior

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: by Bayes' rule."""
        n_codes = self.confusion.shape[2]

        def posterior(covered: SparseVotes) -> np.ndarray:
            return _posterior(covered.indicators(n_codes), self.confusion, self.prior)

        return predict_in_parts(votes, self.prior, posterior)

    def arrays(self) -> dict[str, np.ndarray]:
        """`confusion` (rules, classes, codes) and `prior` (classes,); mostly, codes are classes."""
        return {"confusion": self.confusion, "prior": self.prior}

    def why(self) -> str:
        """What was learned."""
        return f"Dawid-Skene; a confusion matrix for each of {len(self.confusion)} rules"


def _posterior(
    cells: sparse.csr_matrix | np.ndarray, confusion: Confusion, prior: Prior
) -> np.ndarray:
    """Bayes' rule for rules that are independent given the class; in logs, to avoid underflow."""
    likelihood = np.log(confusion).transpose(0, 2, 1).reshape(-1, len(prior))
    scores = cells @ likelihood.astype(np.float32)
    posterior: np.ndarray = softmax(scores + np.log(prior).astype(np.float32), axis=1)
    return posterior


def _indicators(votes: SparseVotes, n_codes: int) -> sparse.csr_matrix | np.ndarray:
    """The indicators; dense if they are few enough for that product to be faster."""
    cells = votes.indicators(n_codes)
    return cells.toarray() if np.prod(cells.shape, dtype=float) <= DENSE_CELLS else cells


def _gold_counts(votes: SparseVotes, gold: Classes | None, n_classes: int) -> np.ndarray:
    """`(rules * codes, classes)`: votes on texts with gold, by their class.

    They are added to the counts by EM's own labels, which contain these texts too. Of a text whose
    gold is a parent, the classes of the parent have the shares that majority vote gives them.
    """
    n_codes = n_classes if votes.members is None else len(votes.members)
    is_class = np.zeros(0, dtype=bool) if gold is None else (gold >= 0) & (gold != n_classes)
    if gold is None or not is_class.any():
        return np.zeros((votes.n_rules * n_codes, n_classes), dtype=np.float32)
    rows = np.flatnonzero(is_class)
    known = votes.take(rows)
    truth = class_members(gold[rows], n_classes, votes.members).astype(np.float32)
    if (gold[rows] >= n_classes).any():
        truth *= Majority().fit(known, n_classes).predict_proba(known)
        truth /= truth.sum(axis=1, keepdims=True)
    counts: np.ndarray = known.indicators(n_codes).T @ truth
    return counts
