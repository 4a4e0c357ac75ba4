"""Choose among label models, all calibrated; never knowingly worse than majority vote."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wsal.arrays import Classes, Mask, Prior, Probs, Votes
from wsal.label_models.agreement import agreement
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.calibration import (
    STANDARD_ERRORS,
    Calibration,
    calibrate,
    cross_calibrated,
    log_losses,
)
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.precision import Precision
from wsal.label_models.scoring import covered_gold, predict_in_parts, prior_or_uniform
from wsal.label_models.sharing import PRIOR_PRECISION
from wsal.label_models.sparse import SparseVotes, as_sparse
from wsal.label_models.vote_patterns import learning_sample
from wsal.members import class_members
from wsal.settings import Positive, Share

ToScores = Callable[[np.ndarray, Prior], np.ndarray]
"""From a label model's probabilities `(texts, classes)` and the prior to scores without it."""


def scores_of_shares(probs: np.ndarray, prior: Prior) -> np.ndarray:
    """`(texts, classes)`: scores of shares of votes; a single vote is right 3 times in 4."""
    scores: np.ndarray = np.log(PRIOR_PRECISION * probs + (1 - PRIOR_PRECISION) / len(prior))
    return scores


def scores_of_posterior(probs: np.ndarray, prior: Prior) -> np.ndarray:
    """`(texts, classes)`: scores of posteriors, without the prior that they include."""
    scores: np.ndarray = np.log(np.clip(probs, 1e-6, 1)) - np.log(prior * len(prior))
    return scores


ALTERNATIVES: dict[str, tuple[LabelModel, ToScores]] = {
    "majority": (Majority(), scores_of_shares),
    "specificity": (Majority("specificity"), scores_of_shares),
    "dawid_skene": (DawidSkene(), scores_of_posterior),
}
"""The models that are compared with `Precision`, and how to get scores that can be calibrated."""


@dataclass(frozen=True)
class Auto:
    """`Precision`, unless gold or the rules' agreement shows that another model is better.

    With at least `least_gold` covered gold texts, the candidates are `Precision` and the models of
    `ALTERNATIVES`; these are fitted without gold, and calibrated on it. One of these is chosen if
    it is right on more gold texts, by two standard errors, and its cross-fitted log loss is not
    higher. A lower log loss alone is not enough: gold that a strategy chose is hard, and on hard
    texts a timid model has the lower log loss, though it is right less often.

    With less gold, it is `Precision`, or majority vote if rules that vote together clearly agree
    no more often than by chance: then there is no consensus to learn from. `Moments` and
    `Triplets` are never candidates: they can be chosen by name.

    >>> votes = np.array([[0, -1], [1, 1], [-1, -1], [0, 0]])  # 4 texts, 2 rules; -1: abstains
    >>> fitted = Auto().fit(votes, n_classes=2)
    >>> fitted.predict_proba(votes).argmax(axis=1).tolist(), fitted.name
    ([0, 1, 0, 0], 'precision')
    """

    least_gold: Positive = 50
    """How many covered gold texts it takes to choose by gold."""
    least_agreement: Share = 0.02
    """Agreement of two votes on one text above chance, in [0, 1]: 0 is chance, 1 is always. 0.02 is
    the agreement of two rules for two classes that are each right on 57% of the texts. Majority
    vote is chosen if even the upper end of the confidence interval is lower."""
    by_term: bool = True
    """Whether each term of a rule, such as a word of a keyword rule, has a precision of its own."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedAuto":
        """Choose a model, and fit it.

        Args:
            votes: `(texts, rules)` integers in [-1, n_classes), -1 for an abstention; dense or
                sparse.
            n_classes: how many classes there are.
            prior: `(classes,)`, how common each class is; uniform by default.
            gold: `(texts,)`, a class, `n_classes` for a text of no class, or -1 where it is not
                known; none by default.

        Raises:
            ModelError: the votes have another shape, type or range.
        """
        votes = as_sparse(votes, n_classes)
        if gold is not None and len(covered_gold(votes, gold, n_classes)[1]) >= self.least_gold:
            return _chosen_by_gold(Precision(by_term=self.by_term), votes, n_classes, prior, gold)
        interval = agreement(*learning_sample(votes, 100_000, least=0), n_classes)
        name = "precision"
        if interval is None:
            reason = "no two rules for the same class vote on the same text"
        else:
            low, high = interval
            reason = f"two votes on a text agree {low:.2f} to {high:.2f} above chance"
            if high < self.least_agreement:
                name = "majority"
        model: FittedLabelModel
        if name == "majority":
            model = fit_alternative(name, votes, n_classes, prior)
        else:
            model = Precision(by_term=self.by_term).fit(votes, n_classes, prior=prior, gold=gold)
        return FittedAuto(name, reason, model)


@dataclass(frozen=True)
class FittedAuto:
    """The label model that was chosen, and why."""

    name: str  # "precision", or a key of ALTERNATIVES
    reason: str
    model: FittedLabelModel

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: those of the chosen model."""
        return self.model.predict_proba(votes)

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters of the chosen model."""
        return self.model.arrays()

    def why(self) -> str:
        """The choice, the reason, and the chosen model's own `why`."""
        return f"chose {self.name} ({self.reason}): {self.model.why()}"


@dataclass(frozen=True)
class Calibrated:
    """A fitted label model whose probabilities are turned into scores and calibrated."""

    model: FittedLabelModel
    to_scores: ToScores
    prior: Prior
    calibration: Calibration

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: calibrated softmax of the scores."""

        def posterior(covered: SparseVotes) -> np.ndarray:
            return self.calibration.probs(self.scores(covered), self.prior)

        return predict_in_parts(votes, self.prior, posterior)

    def scores(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: without the prior."""
        return self.to_scores(self.model.predict_proba(votes).astype(np.float64), self.prior)

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters of the model, plus those of the calibration."""
        return self.model.arrays() | self.calibration.arrays()

    def why(self) -> str:
        """The model's own `why`, and the calibration."""
        return f"{self.model.why()}; {self.calibration.why()}"


def fit_alternative(
    name: str, votes: SparseVotes, n_classes: int, prior: Prior | None
) -> Calibrated:
    """One of `ALTERNATIVES`, fitted without gold and not calibrated yet."""
    model, to_scores = ALTERNATIVES[name]
    fitted = model.fit(votes, n_classes, prior=prior)
    return Calibrated(fitted, to_scores, prior_or_uniform(n_classes, prior), Calibration())


def _chosen_by_gold(
    default: Precision, votes: SparseVotes, n_classes: int, prior: Prior | None, gold: Classes
) -> FittedAuto:
    precision, held_out = default.fit_with_held_out(votes, n_classes, prior=prior, gold=gold)
    gold_votes, truth = covered_gold(votes, gold, n_classes)
    models: dict[str, FittedLabelModel] = {"precision": precision}
    probs, members = {"precision": held_out}, votes.members
    for name in ALTERNATIVES:
        model = fit_alternative(name, votes, n_classes, prior)
        scores = model.scores(gold_votes)
        probs[name] = cross_calibrated(scores, truth, model.prior, members=members)
        calibration = calibrate(scores, truth, model.prior, members=members)
        models[name] = replace(model, calibration=calibration)
    loss = {name: float(log_losses(probs[name], truth, members).mean()) for name in probs}
    losses = ", ".join(f"{name} {value:.3f}" for name, value in loss.items())
    reason = f"log loss on {len(truth)} labelled texts: {losses}"
    is_right = {name: _is_right(probs[name], truth, members) for name in probs}
    lead = {name: is_right[name] - is_right["precision"] for name in ALTERNATIVES}
    better = [
        name for name in ALTERNATIVES if _clear(lead[name]) and loss[name] <= loss["precision"]
    ]
    best = min(better, key=lambda name: loss[name], default="precision")
    if better:
        reason += f"; {best} is right on {lead[best].mean():.3f} more than precision"
    return FittedAuto(best, reason, models[best])


def _clear(lead: np.ndarray) -> bool:
    """Whether the mean lead on a text is positive by two standard errors."""
    return bool(lead.mean() > STANDARD_ERRORS * lead.std() / np.sqrt(len(lead)))


def _is_right(probs: np.ndarray, truth: Classes, members: Mask | None) -> np.ndarray:
    is_true = class_members(truth, probs.shape[1], members)
    right: np.ndarray = is_true[np.arange(len(truth)), probs.argmax(axis=1)]
    return right.astype(float)
