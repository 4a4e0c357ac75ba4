"""What gold labels say about the votes on the same texts, and about the rules that cast them."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from wsal.arrays import Classes, Prior, Probs
from wsal.label_models.calibration import folds_of
from wsal.label_models.scoring import covered_gold
from wsal.label_models.sharing import count_right_on_gold, moved_with_rule
from wsal.label_models.sparse import SparseVotes

WORTHS = np.geomspace(0.5, 16, 6)  # candidates for the worth of a consensus, as factors
LEAST = 1e-6  # probability of a class, in the loss on texts of no class


@dataclass(frozen=True)
class GoldVotes:
    """The votes on covered texts with gold, and on those that belong to no class."""

    votes: SparseVotes
    truth: Classes
    """`(texts with a class or a parent,)`: the code of each."""
    none: SparseVotes
    """On texts of no class: all of these votes are wrong."""
    n_classes: int

    @classmethod
    def of(cls, votes: SparseVotes, gold: Classes | None, n_classes: int) -> "GoldVotes":
        """From gold `(texts,)`: a code, or -1 where there is none."""
        known, truth = covered_gold(votes, gold, n_classes)
        is_none = np.zeros(len(votes), dtype=bool) if gold is None else gold == n_classes
        none = votes.take(np.flatnonzero(is_none & (votes.n_votes > 0)))
        return cls(known, truth, none, n_classes)

    def fold(self, number: int, *, held_out: bool) -> "GoldVotes":
        """The texts of a fold, or all others."""
        chosen, of_none = (
            np.flatnonzero((folds_of(len(votes)) == number) == held_out)
            for votes in (self.votes, self.none)
        )
        return GoldVotes(
            self.votes.take(chosen), self.truth[chosen], self.none.take(of_none), self.n_classes
        )

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """`(voters, codes)` twice: how many votes were right, and of how many this is known."""
        members = self.votes.members
        right, cast = count_right_on_gold(self.votes.voters, self.truth, self.n_classes, members)
        if len(self.none):
            truth = np.full(len(self.none), self.n_classes)
            cast = cast + count_right_on_gold(self.none.voters, truth, self.n_classes, members)[1]
        return right, cast


def corrected(precision: np.ndarray, gold: GoldVotes, strength: float) -> np.ndarray:
    """Precisions `(voters, codes)`, each between that on the consensus and that on gold.

    How many gold texts the consensus is worth maximises the likelihood of all votes on gold texts
    (beta-binomial), with a prior around `strength`.
    """
    right, cast = gold.counts()
    expected = np.clip(precision, 1e-3, 1 - 1e-3)

    def log_likelihood(worth: float) -> float:
        a, b = worth * expected, worth * (1 - expected)
        of_cells = betaln(a + right, b + cast - right) - betaln(a, b)
        return float(of_cells.sum() - np.log(worth / strength) ** 2 / 4)

    worth = max(strength * WORTHS, key=log_likelihood)
    expected = moved_with_rule(expected, right, cast, gold.votes.rule_of_voter, worth)
    between: np.ndarray = (right + worth * expected) / (cast + worth)
    return between


def none_losses(probs: Probs, prior: Prior) -> np.ndarray:
    """`(texts,)`: the loss of the probabilities for texts of no class, in nats.

    It is lowest where they equal the prior: votes should say nothing about such a text.
    Probabilities that were rounded to 0 count as `LEAST`.
    """
    losses: np.ndarray = -(np.log(np.clip(probs, LEAST, 1)) * prior).sum(axis=1)
    return losses
