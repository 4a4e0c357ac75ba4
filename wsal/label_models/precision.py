"""Votes weigh by how much likelier they make their class, and probabilities mean what they say."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.special import betaln

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.calibration import (
    FOLDS,
    Calibration,
    calibrate,
    clearly_better,
    cross_calibrated,
    folds_of,
    likeliest,
)
from wsal.label_models.dawid_skene import DawidSkene, FittedDawidSkene
from wsal.label_models.majority import FittedMajority, rarity
from wsal.label_models.scoring import by_parts, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.label_models.vote_patterns import distinct, evidence
from wsal.settings import Count, Positive, Rate

STRENGTH, EXPECTED = 10.0, 0.75  # pseudo-votes, and their precision, before any is seen
RESTS = 1e-3  # share of the texts that may still change class when the consensus is said to rest
WORTHS = np.geomspace(0.5, 16, 6)  # of a consensus, by that which is expected


@dataclass(frozen=True)
class Precision:
    """Naive Bayes: a vote weighs by how much likelier it makes its class than that class is.

    The weight is log-odds of P(class = vote | the rule cast it), its precision, less those of the
    class's share: being right on what most texts are anyway says little. Both are counted against
    a consensus: where Dawid-Skene and the vote by specificity agree or one is surer, then, round
    by round, where the weighted votes themselves point, until hardly a text changes.

    From `least_gold` covered gold texts on, these correct each rule's precision, the more, the
    further precisions by gold lie from those by the consensus (empirical Bayes); and they settle
    how sure the probabilities may be (`Calibration`), on folds that the weights have not seen. All
    that is used only if it clearly betters the log loss of gold texts that did not teach it: else
    the model is the one without gold.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Precision().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    consensus: DawidSkene = field(default_factory=DawidSkene)
    """What judges the rules first, together with the vote by specificity."""
    rounds: Count = 10
    """How often at most the rules are judged again, by what their weighted votes say."""
    temper: Rate = 1.0
    """Scale of the log-odds without enough gold. At 1 a lone vote is as sure as its rule is
    precise; rules that repeat one another ask for less."""
    gold_strength: Rate = 20.0
    """How many gold texts a rule's precision on the consensus is expected to be worth."""
    least_gold: Annotated[int, Field(ge=10)] = 10
    """Fewer covered gold texts show nothing, and are not used."""
    max_texts: Positive = 100_000

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedPrecision":
        """Consensus first; then each rule's precision, by class voted for; then gold."""
        return self.fit_and_judge(votes, n_classes, prior=prior, gold=gold)[0]

    def fit_and_judge(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "tuple[FittedPrecision, np.ndarray]":
        """What `fit` gives, and what folds of it say of the covered gold texts.

        The latter `(covered gold texts, classes)` is by weights that these texts did not teach.
        """
        first = self.consensus.fit(votes, n_classes, prior=prior)
        unlearned = self._without_gold(first, votes, uniform(n_classes, prior))
        some, truth = covered_gold(votes, gold)
        before = unlearned.judge(some)
        if len(truth) < self.least_gold:
            return unlearned, before
        scores = self._held_out(some, truth, unlearned)
        after = cross_calibrated(scores, truth, unlearned.prior, self.temper)
        if not clearly_better(after, before, truth):
            return replace(unlearned, n_gold=len(truth)), before
        learned = self._with_gold(some, truth, unlearned)
        scale = calibrate(scores, truth, unlearned.prior, self.temper)
        learned = replace(learned, calibration=scale, n_gold=len(truth), by_gold=True)
        return learned, after

    def _without_gold(
        self, first: FittedDawidSkene, votes: Votes | SparseVotes, prior: Prior
    ) -> "FittedPrecision":
        """Judge the rules by the consensus, and the consensus by the rules, until it rests."""
        sample, weights = evidence(votes, self.max_texts, least=100)
        patterns, which, _ = distinct(sample)
        counts = np.bincount(which, weights, len(patterns))
        cast = np.bincount(sample.rules, np.repeat(weights, sample.n_votes), sample.n_rules)
        specific = FittedMajority(rarity(cast, len(votes)), prior)
        labels = likeliest(first.predict_proba(patterns) + specific.predict_proba(patterns))
        fitted = self._judge(patterns, counts, labels, prior)
        for _ in range(self.rounds):
            before, labels = labels, likeliest(fitted.weighed(patterns))
            if np.abs(labels - before).sum(axis=1) @ counts <= 2 * RESTS * counts.sum():
                break
            fitted = self._judge(patterns, counts, labels, prior)
        return fitted

    def _judge(
        self, patterns: SparseVotes, counts: np.ndarray, labels: np.ndarray, prior: Prior
    ) -> "FittedPrecision":
        right, cast = _tally(patterns, counts, labels)
        precision = (right + STRENGTH * EXPECTED) / (cast + STRENGTH)
        of_class = counts @ labels + 1
        return FittedPrecision(
            precision, of_class / of_class.sum(), prior, Calibration(self.temper)
        )

    def _with_gold(
        self, some: SparseVotes, truth: Classes, unlearned: "FittedPrecision"
    ) -> "FittedPrecision":
        """Each precision between that by the consensus and that by gold.

        How many gold texts the consensus is worth maximises the likelihood of all rules' gold
        votes (beta-binomial), with a prior around `gold_strength`.
        """
        right, cast = _tally(some, np.ones(len(some)), np.eye(len(unlearned.prior))[truth])
        expected = np.clip(unlearned.precision, 1e-3, 1 - 1e-3)

        def likelihood(worth: float) -> float:
            a, b = worth * expected, worth * (1 - expected)
            seen = betaln(a + right, b + cast - right) - betaln(a, b)
            return float(seen.sum() - np.log(worth / self.gold_strength) ** 2 / 4)

        worth = max(self.gold_strength * WORTHS, key=likelihood)
        precision = (right + worth * unlearned.precision) / (cast + worth)
        return replace(unlearned, precision=precision)

    def _held_out(
        self, some: SparseVotes, truth: Classes, unlearned: "FittedPrecision"
    ) -> np.ndarray:
        """`(texts, classes)`: scores of gold texts by weights that these texts did not teach."""
        scores = np.empty((len(some), len(unlearned.prior)))
        folds = folds_of(len(some))
        for fold in range(FOLDS):
            train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            learned = self._with_gold(some.take(train), truth[train], unlearned)
            scores[held] = learned.scores(some.take(held))
        return scores


@dataclass(frozen=True)
class FittedPrecision:
    """How precise each rule's votes are, by class, and how sure a sum of them may be."""

    precision: np.ndarray  # (rules, classes)
    share: Prior  # (classes,): of covered texts, by the consensus
    prior: Prior
    calibration: Calibration = field(default_factory=Calibration)
    n_gold: int = 0
    by_gold: bool = False
    """Whether gold texts were used, or did not show that this would be better."""

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: softmax of the tempered weights of the votes for each class."""
        return by_parts(votes, self.prior, self.judge)

    def judge(self, votes: SparseVotes) -> np.ndarray:
        """The same of texts that each have a vote."""
        return self.calibration.probs(self.scores(votes), self.prior)

    def weighed(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: the logs of what `judge` gives, without bonus, up to a constant."""
        return self.calibration.weighed(self.scores(votes), self.prior)

    def scores(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: the sum of the weights of the votes for each class."""
        n_classes = len(self.prior)
        odds = self.precision / (1 - self.precision) * ((1 - self.share) / self.share)
        weight = np.maximum(np.log(odds), 1e-3)  # a vote never speaks against its class
        texts = np.repeat(np.arange(len(votes)), votes.n_votes)
        cells = texts * n_classes + votes.classes
        summed = np.bincount(cells, weight[votes.rules, votes.classes], len(votes) * n_classes)
        return summed.reshape(-1, n_classes)

    def arrays(self) -> dict[str, np.ndarray]:
        """`precision` (rules, classes), `share` and `prior` (classes,), `temper` and `bonus`."""
        by = self.calibration
        scale = {"temper": np.array(by.temper), "bonus": np.array(by.bonus)}
        return {"precision": self.precision, "share": self.share, "prior": self.prior} | scale

    def why(self) -> str:
        """What the precisions were judged by."""
        judges = "the consensus"
        if self.by_gold:
            judges += f" and {self.n_gold} gold texts"
        elif self.n_gold:
            judges += f" alone, as {self.n_gold} gold texts show nothing clearly better"
        by = self.calibration
        scale = f"log-odds x {by.temper:.2f}, {by.bonus:.2g} more for the likeliest class"
        return f"each vote weighs by its precision, judged by {judges}; {scale}"


def covered_gold(votes: Votes | SparseVotes, gold: Classes | None) -> tuple[SparseVotes, Classes]:
    """The votes on texts that have a vote and a known class, and these classes."""
    known = np.flatnonzero(gold >= 0) if gold is not None else np.empty(0, np.int64)
    some = votes.take(known) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[known])
    rows = np.flatnonzero(some.n_votes)
    truth = gold[known[rows]] if gold is not None else np.empty(0, np.int64)
    return some.take(rows), truth


def _tally(
    votes: SparseVotes, counts: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`(rules, classes)`: how many votes for the class were right, and how many were cast."""
    n_classes = labels.shape[1]
    cells = votes.rules.astype(np.int64) * n_classes + votes.classes
    texts = np.repeat(np.arange(len(votes)), votes.n_votes)
    weights = counts[texts]
    right = weights * labels[texts, votes.classes]
    shape, n_cells = (votes.n_rules, n_classes), votes.n_rules * n_classes
    return (
        np.bincount(cells, right, n_cells).reshape(shape),
        np.bincount(cells, weights, n_cells).reshape(shape),
    )
