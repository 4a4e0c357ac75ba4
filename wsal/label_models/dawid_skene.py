"""Dawid and Skene (1979), maximum a posteriori: one confusion matrix a rule, learned by EM."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from wsal.arrays import ABSTAIN, Confusion, Probs, Votes
from wsal.label_models.majority import FittedMajority
from wsal.label_models.patterns import distinct
from wsal.label_models.precision import Precision, consensus_precision, softmax
from wsal.settings import Positive, Rate


@dataclass(frozen=True)
class DawidSkene:
    """Abstains are missing, not evidence; the class prior is held uniform inside EM.

    Learning the prior lets keyword rules that vote for one class only collapse onto it, and so
    does EM without pseudo-counts. Fitted on the distinct patterns of votes.

    With `posterior="precision"` the probabilities come from a second stage: how precise each
    rule's votes are against the consensus that EM found. EM alone knows the class but not how
    sure it may be: its posteriors are near uniform where each rule votes for one class.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> DawidSkene().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    right: Rate = 10.0
    """Pseudo-count of a vote for the true class, for each rule and class."""
    wrong: Rate = 1.0
    """Pseudo-count of a vote for each other class."""
    max_steps: Positive = 300
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-6
    """Stop when no probability moves by more."""
    posterior: Literal["precision", "bayes"] = "precision"
    temper: Rate = 1.0
    """Scale of the log-odds of `precision`. At 1 a lone vote is as sure as its rule is precise;
    rules that repeat one another ask for less."""

    def fit(self, votes: Votes, n_classes: int) -> "FittedDawidSkene":
        """Start from the majority vote; then let labels and confusions correct each other."""
        patterns, _, counts = distinct(votes)
        voted = (patterns != ABSTAIN).any(axis=1)
        patterns, counts = patterns[voted], counts[voted].astype(float)
        labels = FittedMajority(n_classes).predict_proba(patterns).astype(float)
        confusion = self._confusion(patterns, counts, labels)
        for _ in range(self.max_steps):
            updated = _posterior(patterns, confusion)
            moved = np.abs(updated - labels).max(initial=0.0)
            labels, confusion = updated, self._confusion(patterns, counts, updated)
            if moved < self.tolerance:
                break
        second = None
        if self.posterior == "precision":
            second = consensus_precision(patterns, counts, labels, self.temper)
        return FittedDawidSkene(confusion, second)

    def _confusion(self, patterns: Votes, counts: np.ndarray, labels: np.ndarray) -> Confusion:
        """`(rules, classes, classes)`: P(vote | class) where the rule voted."""
        n_classes = labels.shape[1]
        prior = np.full((n_classes, n_classes), self.wrong)
        np.fill_diagonal(prior, self.right)
        confusion = np.tile(prior, (patterns.shape[1], 1, 1))
        mass = labels * counts[:, None]
        for j in range(patterns.shape[1]):
            said = np.flatnonzero(patterns[:, j] != ABSTAIN)
            np.add.at(confusion[j].T, patterns[said, j], mass[said])
        normal: Confusion = confusion / confusion.sum(axis=2, keepdims=True)
        return normal


@dataclass(frozen=True)
class FittedDawidSkene:
    """How each rule votes on a text of each class, and how precise its votes are."""

    confusion: Confusion
    precision: Precision | None

    def predict_proba(self, votes: Votes) -> Probs:
        """`(texts, classes)`: by the precision stage if there is one, else by Bayes' rule."""
        patterns, which, _ = distinct(votes)
        if self.precision is None:
            probs = _posterior(patterns, self.confusion)
        else:
            probs = self.precision.predict_proba(patterns)
        of_texts: Probs = probs.astype(np.float32)[which]
        return of_texts

    def arrays(self) -> dict[str, np.ndarray]:
        """`confusion` (rules, classes, classes) and `precision` (rules, classes)."""
        kept = {"confusion": self.confusion}
        return kept if self.precision is None else kept | {"precision": self.precision.precision}


def _posterior(patterns: Votes, confusion: Confusion) -> np.ndarray:
    """Bayes' rule with rules independent given the class, in logs lest products underflow."""
    log_likelihood = np.log(confusion)
    scores = np.zeros((len(patterns), confusion.shape[1]))
    for j in range(patterns.shape[1]):
        said = np.flatnonzero(patterns[:, j] != ABSTAIN)
        scores[said] += log_likelihood[j].T[patterns[said, j]]
    return softmax(scores)
