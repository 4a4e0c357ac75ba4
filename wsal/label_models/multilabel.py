"""A label model for each class: does the text belong to it?

A rule that votes for a class says yes to it, and nothing about other classes. So the evidence for
no is that no rule says yes: a further voter, called silence, votes no on these texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from wsal.arrays import Classes, Probs, Rows, Votes
from wsal.label_models.auto import Auto
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.chosen_gold import correct
from wsal.label_models.precision import FittedPrecision, Precision
from wsal.label_models.sparse import SparseVotes, TermVotes, as_sparse

NO, YES = 0, 1
SHIFT_STD = 0.7  # standard deviation of the prior on what gold adds to the logits
NEWTON_STEPS = 30
LEAST_PRIOR, MOST_PRIOR = 1e-3, 0.5  # share of the texts that a class is taken to have


@dataclass(frozen=True)
class FittedMultilabel:
    """A fitted label model for each class."""

    models: Sequence[FittedLabelModel]
    shift: np.ndarray | None = None
    """`(2, classes)`: what gold adds to logits, without and with a yes; None: nothing."""

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: the probability of each class; rows do not sum to 1."""
        votes = as_sparse(votes, len(self.models))
        probs = np.empty((len(votes), len(self.models)), dtype=np.float32)
        for label, model in enumerate(self.models):
            binary = yes_or_no(votes, label)
            probs[:, label] = model.predict_proba(binary)[:, YES]
            if self.shift is not None:
                has_yes = binary.rules[binary.starts[:-1]] != votes.n_rules
                shift = self.shift[has_yes.astype(int), label]
                probs[:, label] = expit(_logits(probs[:, label]) + shift)
        return probs

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters of each class's model; the number of the class is before their names."""
        arrays = {
            f"{label}.{name}": array
            for label, model in enumerate(self.models)
            for name, array in model.arrays().items()
        }
        return arrays | ({} if self.shift is None else {"shift": self.shift})

    def why(self) -> str:
        """What was learned about the first class, as an example."""
        return f"a label model for each of {len(self.models)} classes; of the first: " + (
            self.models[0].why()
        )


def fit_multilabel(
    label_model: LabelModel,
    votes: SparseVotes,
    n_classes: int,
    prior: np.ndarray | None = None,
) -> FittedMultilabel:
    """Fit the label model for each class.

    Args:
        label_model: is fitted to votes for yes and no; see `model_of_class`.
        votes: of all rules, for classes.
        n_classes: how many classes there are.
        prior: `(classes,)`, the share of texts that has each; by default the share of the covered
            texts on which a rule says yes.

    >>> from wsal.label_models.majority import Majority
    >>> votes = SparseVotes.of(np.array([[0, 1], [0, -1], [-1, -1]]))
    >>> fit_multilabel(Majority(), votes, 2).predict_proba(votes).round().tolist()
    [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    """
    label_model = model_of_class(label_model)
    if prior is None:
        prior = share_of_yes(votes, n_classes)
    models = []
    for label in range(n_classes):
        shares = np.array([1 - prior[label], prior[label]])
        models.append(label_model.fit(yes_or_no(votes, label), 2, prior=shares))
    return FittedMultilabel(models)


def model_of_class(label_model: LabelModel) -> LabelModel:
    """`Precision` in the place of `Auto`: it learns the same here in a third of the time."""
    return Precision(by_term=label_model.by_term) if isinstance(label_model, Auto) else label_model


def correct_rules(
    label_model: LabelModel, fitted: FittedMultilabel, votes: SparseVotes, rows: Rows, gold: Classes
) -> FittedMultilabel:
    """The fitted models, with the precision of each rule corrected by gold; see `correct`.

    That of silence stays as it is. A strategy chooses texts on which the classifier is unsure, so
    that silence is wrong on more of them than elsewhere. The model does not expect that, as it
    cannot tell one text without a yes from another. Corrected, silence would make all classes
    likelier everywhere.

    Args:
        label_model: the settings that `fitted` was made with.
        fitted: what was learned from `votes`.
        votes: `(texts, rules)`.
        rows: the rows of `votes` with gold.
        gold: their classes, `(rows, classes)` of 0 and 1.
    """
    label_model, known = model_of_class(label_model), votes.take(rows)
    models = list(fitted.models)
    for label, before in enumerate(fitted.models):
        after = correct(label_model, before, yes_or_no(known, label), gold[:, label])
        if isinstance(before, FittedPrecision) and isinstance(after, FittedPrecision):
            precision = np.concatenate([after.precision[:-1], before.precision[-1:]])
            models[label] = replace(after, precision=precision)
    return replace(fitted, models=models)


def shifted(
    fitted: FittedMultilabel, votes: SparseVotes, rows: Rows, gold: Classes
) -> FittedMultilabel:
    """The fitted models, with probabilities shifted so that they are right on gold on average.

    Gold that a strategy chose has more classes than the pool, so the probabilities become too high
    elsewhere. Only random gold can say whether that is still better than no shift.
    """
    return replace(fitted, shift=_shift(fitted, votes, rows, gold))


def _shift(fitted: FittedMultilabel, votes: SparseVotes, rows: Rows, gold: Classes) -> np.ndarray:
    """`FittedMultilabel.shift`, by gold.

    A label model of one class per text takes no vote for evidence against its class. But here a
    rule may be right less often than the class is common, or silence wrong more often. The shift of
    the texts with a yes, and that of the others, is the mode of its posterior, by Newton's method.
    """
    some = votes.take(rows)
    logits = _logits(fitted.predict_proba(some))
    texts = np.repeat(np.arange(len(some)), some.n_votes)
    has_yes = np.zeros(gold.shape, dtype=bool)
    has_yes[texts, some.classes] = True
    shift = np.zeros((2, gold.shape[1]))
    for group, mask in enumerate((~has_yes, has_yes)):
        for _ in range(NEWTON_STEPS):
            probs = expit(logits + shift[group])
            slope = (mask * (probs - gold)).sum(axis=0) + shift[group] / SHIFT_STD**2
            curve = (mask * probs * (1 - probs)).sum(axis=0) + 1 / SHIFT_STD**2
            shift[group] -= np.clip(slope / curve, -1, 1)
    return shift


def _logits(probs: np.ndarray) -> np.ndarray:
    logits: np.ndarray = logit(np.clip(probs.astype(np.float64), 1e-6, 1 - 1e-6))
    return logits


def share_of_yes(votes: SparseVotes, n_classes: int) -> np.ndarray:
    """`(classes,)`: the share of the texts with a vote on which some rule votes for each class."""
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    pairs = np.unique(texts * n_classes + votes.classes)
    n_covered = max(int(np.count_nonzero(votes.n_votes)), 1)
    shares = np.bincount(pairs % n_classes, minlength=n_classes) / n_covered
    clipped: np.ndarray = np.clip(shares, LEAST_PRIOR, MOST_PRIOR)
    return clipped


def yes_or_no(votes: SparseVotes, label: int) -> SparseVotes:
    """The votes on whether texts belong to a class; the last voter is silence.

    >>> votes = yes_or_no(SparseVotes.of(np.array([[0, 1], [-1, 1]])), 0)
    >>> votes.starts.tolist(), votes.rules.tolist(), votes.classes.tolist()
    ([0, 1, 2], [0, 2], [1, 0])
    """
    silence = votes.n_rules
    binary = replace(_for_class(replace(votes, by_term=None), label), n_rules=silence + 1)
    if votes.by_term is None:
        return binary
    of_terms = votes.by_term.votes
    terms = replace(_for_class(of_terms, label), n_rules=of_terms.n_rules + 1)
    rule_of = np.append(votes.by_term.rule_of, np.int32(silence)).astype(np.int32)
    return replace(binary, by_term=TermVotes(terms, rule_of))


def _for_class(votes: SparseVotes, label: int) -> SparseVotes:
    """Yes where voters vote for the class; no, by a voter with the next number, elsewhere."""
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    mine = votes.classes == label
    n_yes = np.bincount(texts[mine], minlength=len(votes))
    silent = n_yes == 0
    starts = np.concatenate([[0], np.cumsum(np.maximum(n_yes, 1))]).astype(np.int64)
    rules = np.full(starts[-1], votes.n_rules, dtype=np.int32)
    classes = np.full(starts[-1], NO, dtype=np.int16)
    places = np.arange(int(mine.sum())) + np.cumsum(silent)[texts[mine]]
    rules[places], classes[places] = votes.rules[mine], YES
    return SparseVotes(starts, rules, classes, votes.n_rules)
