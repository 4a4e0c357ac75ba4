"""Naive Bayes over votes, each weighed by its rule's precision; probabilities are calibrated."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from wsal.arrays import Classes, Mask, Prior, Probs, Votes
from wsal.label_models.calibration import (
    FOLDS,
    Calibration,
    calibrate,
    cross_calibrated,
    folds_of,
    likeliest,
    log_losses,
)
from wsal.label_models.dawid_skene import DawidSkene, FittedDawidSkene
from wsal.label_models.gold_votes import GoldVotes, corrected, none_losses
from wsal.label_models.majority import FittedMajority, specificity
from wsal.label_models.scoring import predict_in_parts, prior_or_uniform
from wsal.label_models.sharing import count_right, shared_precision
from wsal.label_models.sparse import SparseVotes, as_sparse
from wsal.label_models.vote_patterns import distinct_patterns, learning_sample
from wsal.members import by_class, by_code
from wsal.settings import Count, Positive, Rate

CONVERGED = 1e-3  # the consensus has converged if at most this share of the texts changes class


@dataclass(frozen=True)
class Precision:
    """Naive Bayes: the weight of a vote is how much it raises the log-odds of its class.

    That is the log-odds of the vote's precision, P(class = vote | the rule cast it), minus those of
    the class's share, as a rule that is right about the commonest class says little. Both are
    measured against a consensus of the rules. The first consensus is the class with the highest
    sum of the probabilities of Dawid-Skene and of the vote by specificity. Each further one is the
    class that the weighted votes favour, until the classes hardly change. On eight test sets, this
    is 0.9 points of accuracy better than precision measured against Dawid-Skene alone.

    Where votes name their terms, each term has a precision, which leans on that of its rule
    (`shared_precision`), and all terms that are found in a text count. Dawid-Skene still sees
    rules: a confusion matrix for each of thousands of words would be slow and mostly empty. The
    precision of a word that people were asked about stays within the bounds of their answer.

    With at least `least_gold` covered gold texts, gold sets the calibration. It also corrects the
    precisions (empirical Bayes: the more, the further those measured on gold are from those on the
    consensus), if that lowers the log loss of gold texts that they were not fitted to. Votes on
    texts of no class are wrong; there, the loss is lowest for probabilities that equal the prior.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Precision().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    consensus: DawidSkene = field(default_factory=DawidSkene)
    """The model of the first consensus, together with the vote by specificity."""
    rounds: Count = 10
    """How often at most the consensus is updated by the weighted votes."""
    temper: Rate = 0.9
    """Scale of the log-odds if there is not enough gold. At 1, a single vote gets the probability
    of its rule's precision. As rules repeat one another, a lower value is mostly better: on eleven
    sets of rules, the mean calibration error is 0.104 at 1, 0.093 at 0.9 and 0.090 at 0.8."""
    gold_strength: Rate = 20.0
    """How many gold texts a precision measured on the consensus is expected to be worth."""
    least_gold: Annotated[int, Field(ge=10)] = 10
    """With fewer covered gold texts, gold is not used."""
    max_texts: Positive = 100_000
    """Size of the sample of texts; rules that vote rarely keep all their votes."""
    by_term: bool = True
    """Whether each term of a rule, such as a word of a keyword rule, has a precision of its own."""

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedPrecision":
        """Fit the consensus, then each rule's precision by class, then use gold if it helps."""
        return self.fit_with_held_out(votes, n_classes, prior=prior, gold=gold)[0]

    def fit_with_held_out(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "tuple[FittedPrecision, np.ndarray]":
        """The fitted model, and cross-fitted probabilities of the covered gold texts.

        The latter, `(covered gold texts, classes)`, come from weights and a calibration that were
        fitted without these texts.
        """
        votes = as_sparse(votes, n_classes)
        votes = votes if self.by_term else votes.without_terms()
        first = self.consensus.fit(votes, n_classes, prior=prior)
        without_gold = self._without_gold(first, votes, prior_or_uniform(n_classes, prior))
        known = GoldVotes.of(votes, gold, n_classes)
        truth, before = known.truth, without_gold.posterior(known.votes)
        if len(truth) < self.least_gold:
            return without_gold, before
        prior, members = without_gold.prior, without_gold.members
        unchanged = replace(without_gold, n_gold=len(truth))
        with_gold = replace(self._with_gold(known, unchanged), by_gold=True)
        scores = (
            (unchanged.scores(known.votes), unchanged.scores(known.none)),
            self._held_out_scores(known, unchanged),
        )
        held_out = [cross_calibrated(s, truth, prior, self.temper, members) for s, _ in scores]
        fits = [calibrate(s, truth, prior, self.temper, members) for s, _ in scores]
        losses = [
            np.concatenate(
                [log_losses(probs, truth, members), none_losses(fit.probs(of_none, prior), prior)]
            ).mean()
            for probs, fit, (_, of_none) in zip(held_out, fits, scores, strict=True)
        ]
        best = int(np.argmin(losses))
        return replace((unchanged, with_gold)[best], calibration=fits[best]), held_out[best]

    def _without_gold(
        self, first: FittedDawidSkene, votes: SparseVotes, prior: Prior
    ) -> "FittedPrecision":
        """Alternate between the rules' precisions and the consensus until it converges."""
        sample, weights = learning_sample(votes, self.max_texts, least=100)
        patterns, pattern_of_text, _ = distinct_patterns(sample)
        counts = np.bincount(pattern_of_text, weights, len(patterns))
        voters = sample.voters
        n_votes = np.bincount(voters.rules, np.repeat(weights, voters.n_votes), voters.n_rules)
        by_specificity = FittedMajority(specificity(n_votes, len(votes)), prior, votes.members)
        consensus = likeliest(
            first.predict_proba(patterns) + by_specificity.predict_proba(patterns.voters)
        )
        fitted = self._measured(patterns, counts, consensus, prior)
        for _ in range(self.rounds):
            before, consensus = consensus, likeliest(fitted.log_posterior(patterns))
            if np.abs(consensus - before).sum(axis=1) @ counts <= 2 * CONVERGED * counts.sum():
                break
            fitted = self._measured(patterns, counts, consensus, prior)
        return fitted

    def _measured(
        self, patterns: SparseVotes, counts: np.ndarray, consensus: np.ndarray, prior: Prior
    ) -> "FittedPrecision":
        """Precisions and class shares by a consensus `(patterns, classes)`."""
        right, cast = count_right(patterns.voters, counts, by_code(consensus, patterns.members))
        precision = shared_precision(right, cast, patterns.rule_of_voter)
        if patterns.by_term and (bounds := patterns.by_term.bounds) is not None:
            precision = np.clip(precision, bounds[:, :1], bounds[:, 1:])
        of_class = counts @ consensus + 1
        share = of_class / of_class.sum()
        calibration = Calibration(self.temper)
        return FittedPrecision(
            precision, share, prior, calibration, by_term=self.by_term, members=patterns.members
        )

    def _with_gold(self, gold: GoldVotes, without_gold: "FittedPrecision") -> "FittedPrecision":
        precision = corrected(without_gold.precision, gold, self.gold_strength)
        return replace(without_gold, precision=precision)

    def _held_out_scores(
        self, gold: GoldVotes, without_gold: "FittedPrecision"
    ) -> tuple[np.ndarray, np.ndarray]:
        """`(texts, classes)`: scores by precisions that were fitted without the text.

        First of the texts with a class, then of those without.
        """
        n_classes = len(without_gold.prior)
        scores, of_none = (np.empty((len(v), n_classes)) for v in (gold.votes, gold.none))
        for number in range(FOLDS):
            fitted = self._with_gold(gold.fold(number, held_out=False), without_gold)
            own = gold.fold(number, held_out=True)
            scores[folds_of(len(scores)) == number] = fitted.scores(own.votes)
            of_none[folds_of(len(of_none)) == number] = fitted.scores(own.none)
        return scores, of_none


@dataclass(frozen=True)
class FittedPrecision:
    """The precision of each rule's votes by class, and the calibration of their sums."""

    precision: np.ndarray  # (voters, classes): of rules or, where these are named, of terms
    share: Prior  # (classes,): of the covered texts, by the consensus
    prior: Prior
    calibration: Calibration = field(default_factory=Calibration)
    n_gold: int = 0
    by_gold: bool = False
    """Whether gold corrected the precisions; if False with n_gold > 0, it only calibrated."""
    by_term: bool = True
    members: Mask | None = None
    """`(codes, classes)`, if votes may be for parents; then `precision` is of codes."""

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: calibrated softmax of the summed weights of the votes."""
        return predict_in_parts(votes, self.prior, self.posterior)

    def posterior(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: the same, for texts that each have a vote."""
        return self.calibration.probs(self.scores(votes), self.prior)

    def log_posterior(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: log of `posterior` without the bonus, up to a constant."""
        return self.calibration.log_posterior(self.scores(votes), self.prior)

    def scores(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: the sum of the weights of the votes for each class."""
        n_codes, share = self.precision.shape[1], self.share
        if self.members is not None:  # a node with all classes says nothing, nor does NONE
            share = np.clip(by_code(share[None], self.members)[0], 1e-9, 1 - 1e-9)
        odds = self.precision / (1 - self.precision) * ((1 - share) / share)
        weight = np.maximum(np.log(odds), 1e-3)  # a vote never counts against its class
        voters = votes.voters if self.by_term else votes
        texts = np.repeat(np.arange(len(voters)), voters.n_votes)
        cells = texts * n_codes + voters.classes
        summed = np.bincount(cells, weight[voters.rules, voters.classes], len(voters) * n_codes)
        return by_class(summed.reshape(-1, n_codes), self.members)

    def arrays(self) -> dict[str, np.ndarray]:
        """`precision` (voters, classes), `share`, `prior` (classes,), and those of calibration.

        Where votes may be for parents, `precision` is (voters, codes).
        """
        learned = {"precision": self.precision, "share": self.share, "prior": self.prior}
        return learned | self.calibration.arrays()

    def why(self) -> str:
        """What the precisions were measured against, and the calibration."""
        reference = "the consensus"
        if self.by_gold:
            reference += f" and {self.n_gold} labelled texts"
        elif self.n_gold:
            reference += f" alone, as {self.n_gold} labelled texts show nothing better"
        calibration = self.calibration.why()
        return f"each vote weighs by its precision against {reference}; {calibration}"
