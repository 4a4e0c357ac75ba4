"""Choose among label models, and never fall below majority vote where that can be told."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN, Classes, Prior, Probs, Votes
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.patterns import evidence
from wsal.label_models.precision import FOLDS, Precision
from wsal.label_models.sparse import SparseVotes
from wsal.settings import Positive, Share

CANDIDATES: dict[str, LabelModel] = {
    "majority": Majority(),
    "specificity": Majority("specificity"),
    "dawid_skene": DawidSkene(),
    "precision": Precision(),
}


@dataclass(frozen=True)
class Auto:
    """By gold if there are `least_gold` covered gold texts, else by whether rules agree.

    With gold: `Precision`, unless on gold texts that did not teach it (5 folds) another has less
    log loss by over two standard errors, or majority vote is right on more by over one. Without:
    `Precision`, unless rules that vote together agree hardly more often than by chance: then there
    is no consensus to learn from, and majority vote is all there is.
    """

    least_gold: Positive = 50
    least_agreement: Share = 0.05
    """Agreement of two votes on one text, above chance: 0 is chance, 1 always."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedAuto":
        """Choose, then fit what was chosen with all there is."""
        covered = _covered_gold(votes, gold)
        if gold is not None and len(covered) >= self.least_gold:
            name, reason = self._by_gold(votes, n_classes, prior, gold, covered)
        else:
            name, reason = self._by_agreement(votes, n_classes)
        model = CANDIDATES[name].fit(votes, n_classes, prior=prior, gold=gold)
        return FittedAuto(name, reason, model)

    def _by_agreement(self, votes: Votes | SparseVotes, n_classes: int) -> tuple[str, str]:
        agreed = agreement(evidence(votes, 100_000, least=0)[0], n_classes)
        if agreed is None:
            return "precision", "no two rules vote together"
        said = f"two votes on a text agree {agreed:.2f} above chance"
        return ("majority" if agreed < self.least_agreement else "precision"), said

    def _by_gold(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        prior: Prior | None,
        gold: Classes,
        covered: np.ndarray,
    ) -> tuple[str, str]:
        truth, folds = gold[covered], np.arange(len(covered)) % FOLDS
        asked = _take(votes, covered)
        loss, right = {}, {}
        for name, model in CANDIDATES.items():
            probs = np.empty((len(covered), n_classes))
            for fold in range(FOLDS):
                seen = np.full(len(gold), ABSTAIN, dtype=np.int64)
                seen[covered[folds != fold]] = truth[folds != fold]
                fitted = model.fit(votes, n_classes, prior=prior, gold=seen)
                held = np.flatnonzero(folds == fold)
                probs[held] = fitted.predict_proba(asked.take(held))
            of_truth = np.clip(probs[np.arange(len(truth)), truth], 1e-3, 1)
            loss[name], right[name] = -np.log(of_truth), (probs.argmax(1) == truth).astype(float)
        best = min(loss, key=lambda name: loss[name].mean())
        if not _exceeds(loss["precision"] - loss[best], errors=2):
            best = "precision"
        lead = right["majority"] - right[best]
        guarded = _exceeds(lead, errors=1)
        said = ", ".join(f"{name} {value.mean():.3f}" for name, value in loss.items())
        reason = f"log loss on {len(truth)} gold texts: {said}"
        if guarded:
            reason += f"; majority is right on {lead.mean():.3f} more than {best}"
        return ("majority" if guarded else best), reason


@dataclass(frozen=True)
class FittedAuto:
    """The label model that was chosen, and why."""

    name: str
    reason: str
    model: FittedLabelModel

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """What the chosen model says."""
        return self.model.predict_proba(votes)

    def arrays(self) -> dict[str, np.ndarray]:
        """What the chosen model learned."""
        return self.model.arrays()

    def why(self) -> str:
        """The choice, its grounds, and what the chosen model says of itself."""
        return f"chose {self.name} ({self.reason}): {self.model.why()}"


def agreement(votes: SparseVotes, n_classes: int) -> float | None:
    """How often two votes on one text agree, above chance; None if no text has two votes.

    >>> agreement(SparseVotes.of(np.array([[0, 0], [1, 1]], dtype=np.int16)), 2)
    1.0
    """
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    _, counts = np.unique(texts * n_classes + votes.classes, return_counts=True)
    alike = (counts * (counts - 1.0)).sum()
    pairs = (votes.n_votes * (votes.n_votes - 1.0)).sum()
    if not pairs:
        return None
    chance = 1 / n_classes
    return float((alike / pairs - chance) / (1 - chance))


def _exceeds(lead: np.ndarray, errors: int) -> bool:
    """Whether the mean of a lead, text by text, is over so many of its standard errors."""
    return bool(lead.mean() > errors * lead.std() / np.sqrt(len(lead)))


def _covered_gold(votes: Votes | SparseVotes, gold: Classes | None) -> np.ndarray:
    known = np.flatnonzero(gold >= 0) if gold is not None else np.empty(0, np.int64)
    covered: np.ndarray = known[_take(votes, known).n_votes > 0]
    return covered


def _take(votes: Votes | SparseVotes, rows: np.ndarray) -> SparseVotes:
    return votes.take(rows) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[rows])
