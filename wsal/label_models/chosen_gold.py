"""Correct a fitted label model with gold labels of texts that a strategy chose: hard ones."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from wsal.arrays import Classes
from wsal.label_models.auto import Auto, FittedAuto
from wsal.label_models.base import FittedLabelModel, LabelModel
from wsal.label_models.gold_votes import GoldVotes, corrected
from wsal.label_models.precision import FittedPrecision, Precision
from wsal.label_models.sharing import count_right
from wsal.label_models.sparse import SparseVotes
from wsal.members import by_code

CERTAIN = 1e-3  # precisions are clipped to this distance from 0 and 1


def correct(
    label_model: LabelModel, fitted: FittedLabelModel, votes: SparseVotes, gold: Classes
) -> FittedLabelModel | None:
    """The fitted model, with each precision moved by how far gold differs from what it expected.

    On hard texts every rule is right less often than elsewhere. That says nothing about a rule as
    long as the model expects it: so gold is compared with the model's probabilities for the same
    texts. The calibration stays as it is, as gold of hard texts would make the model doubt all
    texts. `Auto` keeps its choice.

    Args:
        label_model: the settings that `fitted` was made with.
        fitted: what was learned from `votes`.
        votes: `(texts, rules)`.
        gold: `(texts,)`, as for `LabelModel.fit`.

    Returns:
        None if this is neither `Precision` nor `Auto`.
    """
    if isinstance(label_model, Auto) and isinstance(fitted, FittedAuto):
        settings: LabelModel = Precision(by_term=label_model.by_term)
        return replace(fitted, model=correct(settings, fitted.model, votes, gold) or fitted.model)
    if not (isinstance(label_model, Precision) and isinstance(fitted, FittedPrecision)):
        return None
    votes = votes if label_model.by_term else votes.without_terms()
    known = GoldVotes.of(votes, gold, len(fitted.prior))
    if len(known.truth) < label_model.least_gold:
        return fitted
    expected = expected_precision(known, fitted.posterior, fitted.precision)
    precision = moved(fitted.precision, known, expected, label_model.gold_strength)
    return replace(fitted, precision=precision, n_gold=len(known.truth), by_gold=True)


def expected_precision(
    known: GoldVotes, posterior: Callable[[SparseVotes], np.ndarray], otherwise: np.ndarray
) -> np.ndarray:
    """`(voters, codes)`: the share of the votes on these texts that the model expects to be right.

    Args:
        known: the votes on texts with gold.
        posterior: the probabilities of the model, `(texts, classes)`.
        otherwise: `(voters, codes)`, what holds where there is no vote on these texts.
    """
    right, cast = np.zeros(otherwise.shape), np.zeros(otherwise.shape)
    for votes in (known.votes, known.none):
        if len(votes):
            probs = by_code(posterior(votes), votes.members)
            own = count_right(votes.voters, np.ones(len(votes)), probs)
            right, cast = right + own[0], cast + own[1]
    shares: np.ndarray = np.divide(right, cast, out=otherwise.copy(), where=cast > 0)
    return shares


def moved(
    precision: np.ndarray, known: GoldVotes, expected: np.ndarray, strength: float
) -> np.ndarray:
    """`(voters, codes)`: the log-odds of the precisions, moved by gold beyond what was expected.

    `strength` is how many gold texts an expectation is thought to be worth.
    """
    before, expected = (np.clip(p, CERTAIN, 1 - CERTAIN) for p in (precision, expected))
    move = logit(corrected(expected, known, strength)) - logit(expected)
    after: np.ndarray = expit(logit(before) + move)
    return after
