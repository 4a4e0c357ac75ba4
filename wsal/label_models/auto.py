"""Choose among label models, all of them calibrated; never below majority vote knowingly."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wsal.arrays import Classes, Prior, Probs, Votes, Weights
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.calibration import (
    ERRORS,
    Calibration,
    calibrate,
    clearly_better,
    cross_calibrated,
    log_losses,
)
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.majority import Majority
from wsal.label_models.precision import EXPECTED, Precision, covered_gold
from wsal.label_models.scoring import by_parts, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.vote_patterns import evidence
from wsal.settings import Positive, Share

ToScores = Callable[[np.ndarray, Prior], np.ndarray]
"""From the probabilities that a label model gives, and the prior, to scores without the prior."""


def of_shares(probs: np.ndarray, prior: Prior) -> np.ndarray:
    """`(texts, classes)`: scores of shares of votes, a lone vote being right 3 times in 4."""
    scores: np.ndarray = np.log(EXPECTED * probs + (1 - EXPECTED) / len(prior))
    return scores


def of_posterior(probs: np.ndarray, prior: Prior) -> np.ndarray:
    """`(texts, classes)`: scores of posteriors, without the prior that they hold."""
    scores: np.ndarray = np.log(np.clip(probs, 1e-6, 1)) - np.log(prior * len(prior))
    return scores


OTHERS: dict[str, tuple[LabelModel, ToScores]] = {
    "majority": (Majority(), of_shares),
    "specificity": (Majority("specificity"), of_shares),
    "dawid_skene": (DawidSkene(), of_posterior),
}
"""What is compared with `Precision`, and how its probabilities become scores to be calibrated."""


@dataclass(frozen=True)
class Auto:
    """`Precision`, unless gold, or how rules agree, shows that another model is better.

    With at least `least_gold` covered gold texts: the model that has the least log loss on gold
    texts that did not teach it, if that is clearly less (`clearly_better`); or majority vote, if
    it is right on more of them by over two standard errors, at no higher log loss. The others
    learn without gold, which then calibrates them. Without: majority vote, if rules that vote
    together clearly agree no more often than by chance; then there is no consensus to learn from.
    """

    least_gold: Positive = 50
    least_agreement: Share = 0.02
    """Agreement of two votes on one text, above chance: 0 is chance, 1 always; 0.02 is that of two
    rules of two classes, each right on 57 texts of 100. Majority vote is taken if agreement is
    less even at the upper end of its confidence interval."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedAuto":
        """Fit what there is to choose from, and choose."""
        if gold is not None and len(covered_gold(votes, gold)[1]) >= self.least_gold:
            return _by_gold(votes, n_classes, prior, gold)
        if (agreed := agreement(*evidence(votes, 100_000, least=0), n_classes)) is None:
            name, reason = "precision", "no two rules that vote for one class vote together"
        else:
            least, most = agreed
            name = "majority" if most < self.least_agreement else "precision"
            reason = f"two votes on a text agree {least:.2f} to {most:.2f} above chance"
        if name == "majority":
            return FittedAuto(name, reason, fitted_other(name, votes, n_classes, prior))
        model = Precision().fit(votes, n_classes, prior=prior, gold=gold)
        return FittedAuto(name, reason, model)


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


@dataclass(frozen=True)
class Calibrated:
    """A fitted label model, its probabilities turned into scores and calibrated."""

    model: FittedLabelModel
    to_scores: ToScores
    prior: Prior
    calibration: Calibration

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: softmax of the tempered scores."""
        return by_parts(
            votes, self.prior, lambda some: self.calibration.probs(self.scores(some), self.prior)
        )

    def scores(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: without the prior."""
        return self.to_scores(self.model.predict_proba(votes).astype(np.float64), self.prior)

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of the model, `temper` and `bonus`."""
        by = self.calibration
        return self.model.arrays() | {"temper": np.array(by.temper), "bonus": np.array(by.bonus)}

    def why(self) -> str:
        """What the model says of itself, and how sure it may be."""
        by = self.calibration
        scale = f"log-odds x {by.temper:.2f}, {by.bonus:.2g} more for the likeliest class"
        return f"{self.model.why()}; {scale}"


def fitted_other(
    name: str,
    votes: Votes | SparseVotes,
    n_classes: int,
    prior: Prior | None,
    calibration: Calibration | None = None,
) -> Calibrated:
    """One of `OTHERS`, fitted without gold."""
    model, to_scores = OTHERS[name]
    fitted = model.fit(votes, n_classes, prior=prior)
    return Calibrated(fitted, to_scores, uniform(n_classes, prior), calibration or Calibration())


def _by_gold(
    votes: Votes | SparseVotes, n_classes: int, prior: Prior | None, gold: Classes
) -> FittedAuto:
    model, held = Precision().fit_and_judge(votes, n_classes, prior=prior, gold=gold)
    some, truth = covered_gold(votes, gold)
    models: dict[str, FittedLabelModel] = {"precision": model}
    probs = {"precision": held}
    for name in OTHERS:
        other = fitted_other(name, votes, n_classes, prior)
        scores = other.scores(some)
        probs[name] = cross_calibrated(scores, truth, other.prior)
        models[name] = replace(other, calibration=calibrate(scores, truth, other.prior))
    loss = {name: float(log_losses(said, truth).mean()) for name, said in probs.items()}
    best = min(loss, key=lambda name: loss[name])
    if best != "precision" and not clearly_better(probs[best], held, truth):
        best = "precision"
    told = ", ".join(f"{name} {value:.3f}" for name, value in loss.items())
    reason = f"log loss on {len(truth)} gold texts: {told}"
    lead = _right(probs["majority"], truth) - _right(probs[best], truth)
    no_loss = loss["majority"] <= loss[best]  # being right more often does not make up for it
    if no_loss and lead.mean() > ERRORS * lead.std() / np.sqrt(len(lead)):
        reason += f"; majority is right on {lead.mean():.3f} more than {best}"
        best = "majority"
    return FittedAuto(best, reason, models[best])


def _right(probs: np.ndarray, truth: Classes) -> np.ndarray:
    right: np.ndarray = (probs.argmax(axis=1) == truth).astype(float)
    return right


def agreement(votes: SparseVotes, weights: Weights, n_classes: int) -> tuple[float, float] | None:
    """How often two votes on one text agree, above chance: the ends of a 95% interval.

    Chance is how often votes of two rules would be for one class, were it not for the texts: rules
    as broad as these, that vote as often for each class. Votes for a class that a single rule
    votes for can only conflict, and do not count. None if no text has two votes that do.

    Four pairs, half of them alike, count besides (Agresti and Coull, 1998): so one text says
    little, whatever it says.

    >>> votes = np.array([[0, 0], [1, 1]] * 500, dtype=np.int16)
    >>> agreement(SparseVotes.of(votes), np.ones(1000), 2)[0] > 0.9
    True
    """
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    cells = votes.rules.astype(np.int64) * n_classes + votes.classes
    cast = np.bincount(cells, weights[texts], votes.n_rules * n_classes)
    cast = cast.reshape(votes.n_rules, n_classes)
    counts = ((cast > 0).sum(axis=0) > 1)[votes.classes]
    texts, classes, cast = texts[counts], votes.classes[counts], cast * ((cast > 0).sum(axis=0) > 1)
    n_votes = np.bincount(texts, minlength=len(votes)).astype(float)
    of_class = np.unique(texts * n_classes + classes, return_counts=True)
    alike = np.bincount(
        of_class[0] // n_classes, of_class[1] * (of_class[1] - 1.0), minlength=len(votes)
    )
    pairs = n_votes * (n_votes - 1)
    by_chance = (cast.sum(axis=0) ** 2).sum() - (cast**2).sum()
    at_all = cast.sum() ** 2 - (cast.sum(axis=1) ** 2).sum()
    if not pairs.any() or by_chance >= at_all:
        return None
    chance, total = by_chance / at_all, (weights * pairs).sum() + 8
    share = ((weights * alike).sum() + 4) / total
    apart = ((weights * (alike - share * pairs)) ** 2).sum() + 2 * (2 - 2 * share) ** 2
    error = np.sqrt(apart + 2 * (2 * share) ** 2) / total
    low, high = (share - ERRORS * error, share + ERRORS * error)
    return float((low - chance) / (1 - chance)), float((high - chance) / (1 - chance))
