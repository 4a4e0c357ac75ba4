"""Let gold labels say how far to trust each rule, on arrays."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN, Classes, Prior, Rows
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.calibration import log_losses
from wsal.label_models.sparse import SparseVotes


@dataclass(frozen=True)
class RandomGold:
    """Votes and gold of texts that were drawn at random, not chosen by a strategy."""

    name: str  # what messages call it
    votes: SparseVotes
    gold: Classes

    @classmethod
    def of_covered(cls, name: str, votes: SparseVotes, gold: Classes) -> "RandomGold":
        """Only the texts that some rule votes on."""
        covered = np.flatnonzero(votes.n_votes)
        return cls(f"{len(covered)} {name}", votes.take(covered), gold[covered])


@dataclass(frozen=True)
class Reweighed:
    """The label model without gold, the one to use, and why."""

    without_gold: FittedLabelModel
    fitted: FittedLabelModel
    gold_used: bool
    checked: str  # the reason in words


def reweigh_rules(
    label_model: LabelModel,
    votes: SparseVotes,
    n_classes: int,
    prior: Prior | None,
    gold_rows: Rows,
    gold: Classes,
    random_gold: RandomGold,
) -> Reweighed:
    """Fit the label model with gold labels, and keep that only if it helps.

    Gold that a strategy chose is harder than the pool, and can make a label model worse: on the
    embedded catalogue it once raised the log loss of weak labels from 0.42 to 0.66. So it is used
    only if it lowers the log loss on gold that was drawn at random.
    """
    truth = np.full(len(votes), ABSTAIN, dtype=np.int64)
    truth[gold_rows] = gold
    before = label_model.fit(votes, n_classes, prior=prior)
    after = label_model.fit(votes, n_classes, prior=prior, gold=truth)
    if not len(random_gold.gold):
        reason = "not used: no random gold to check that it helps"
        return Reweighed(before, before, gold_used=False, checked=reason)
    without, with_gold = (
        float(log_losses(model.predict_proba(random_gold.votes), random_gold.gold).mean())
        for model in (before, after)
    )
    used = with_gold < without
    reason = (
        f"{'used' if used else 'not used'}: log loss {with_gold:.3f} with gold, {without:.3f} "
        f"without, on {random_gold.name}"
    )
    return Reweighed(before, after if used else before, gold_used=used, checked=reason)
