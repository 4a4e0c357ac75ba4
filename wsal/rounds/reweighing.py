"""Let gold labels say how far to trust each rule, on arrays."""

from dataclasses import dataclass

import numpy as np

from wsal.arrays import ABSTAIN, Classes, Prior, Rows
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.calibration import log_losses
from wsal.label_models.chosen_gold import correct
from wsal.label_models.gold_votes import none_losses
from wsal.label_models.multilabel import fit_multilabel
from wsal.label_models.scoring import prior_or_uniform
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.sources import LLMAnswers

NO_ROWS = np.empty(0, np.int64)
OF_SETS = "used: it shows how often votes and abstentions are right"


@dataclass(frozen=True)
class RandomGold:
    """Votes and gold of texts that were drawn at random, not chosen by a strategy."""

    name: str  # what messages call it
    votes: SparseVotes
    gold: Classes  # codes, also `NONE`

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


def truth_of(n_texts: int, gold_rows: Rows, gold: Classes, none: Rows, n_classes: int) -> Classes:
    """`(texts,)`: the code of the gold label of each text; -1 where there is none.

    The rows `none` belong to no class, whose code is `n_classes`.
    """
    truth = np.full(n_texts, ABSTAIN, dtype=np.int64)
    truth[gold_rows], truth[none] = gold, n_classes
    return truth


def reweigh_rules(
    label_model: LabelModel,
    votes: SparseVotes,
    n_classes: int,
    prior: Prior | None,
    gold_rows: Rows,
    gold: Classes,
    random_gold: RandomGold,
    answers: LLMAnswers | None = None,
    none: Rows = NO_ROWS,
) -> Reweighed:
    """Correct the label model with gold labels, and keep the correction if it helps.

    Votes on the rows `none`, which belong to no class, count as wrong.

    Gold that a strategy chose is harder than the pool. A label model that is calibrated on it
    trusts no text: on Banking77 the mean probability of the first class fell from 0.88 to 0.46,
    while as many texts as before were right. So such gold only corrects what the model expected of
    the same texts (`correct`). Gold that was drawn at random decides, by log loss, between no gold,
    this correction, and a fit as if the chosen gold were random. Random answers of a language model
    take the place of gold in all fits.
    """
    truth = truth_of(len(votes), gold_rows, gold, none, n_classes)
    without: Classes | None = None
    with_gold = truth
    if answers is not None:
        no_gold = np.full(len(votes), ABSTAIN, dtype=np.int64)
        without, with_gold = answers.silver(no_gold), answers.silver(truth)
    before = label_model.fit(votes, n_classes, prior=prior, gold=without)
    by_chosen = correct(label_model, before, votes, truth)
    if not len(random_gold.gold):
        if by_chosen is None:
            by_chosen = label_model.fit(votes, n_classes, prior=prior, gold=with_gold)
        reason = "used: no random gold to check that it helps"
        return Reweighed(before, by_chosen, gold_used=True, checked=reason)
    after = label_model.fit(votes, n_classes, prior=prior, gold=with_gold)
    models = [before, after] if by_chosen is None else [before, by_chosen, after]
    prior = prior_or_uniform(n_classes, prior)
    losses = [float(_losses(model, random_gold, prior).mean()) for model in models]
    best = int(np.argmin(losses))  # the first of equals: without gold
    reason = (
        f"{'used' if best else 'not used'}: log loss {min(losses[1:]):.3f} with gold, "
        f"{losses[0]:.3f} without, on {random_gold.name}"
    )
    return Reweighed(before, models[best], gold_used=best > 0, checked=reason)


def reweigh_sets(
    label_model: LabelModel,
    votes: SparseVotes,
    n_classes: int,
    prior: Prior | None,
    gold_rows: Rows,
    gold: Classes,
) -> Reweighed:
    """Fit a label model for each class, with gold sets of classes, which are always used.

    Rules that only say yes do not show without gold how often they are right.
    """
    known = (gold_rows, gold)
    before, after = (
        fit_multilabel(label_model, votes, n_classes, prior, each) for each in (None, known)
    )
    return Reweighed(before, after, gold_used=True, checked=OF_SETS)


def _losses(model: FittedLabelModel, known: RandomGold, prior: Prior) -> np.ndarray:
    """`(texts,)`: of a parent's classes, the probabilities are summed; see `none_losses`."""
    probs, is_class = model.predict_proba(known.votes), known.gold != len(prior)
    losses = none_losses(probs, prior)
    losses[is_class] = log_losses(probs[is_class], known.gold[is_class], known.votes.members)
    return losses
