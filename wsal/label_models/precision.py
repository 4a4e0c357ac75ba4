"""Votes weigh by how much likelier they make their class, and probabilities mean what they say."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.dawid_skene import DawidSkene, FittedDawidSkene
from wsal.label_models.majority import FittedMajority, rarity
from wsal.label_models.patterns import distinct, evidence
from wsal.label_models.scoring import by_parts, softmax, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.settings import Count, Positive, Rate

STRENGTH, EXPECTED = 10.0, 0.75  # pseudo-votes, and their precision, before any is seen
TEMPERS, BONUSES = np.geomspace(0.1, 4.0, 25), np.linspace(0, 3, 7)
USUAL, DOUBT, BONUS_DOUBT = 0.8, 0.5, 0.1  # how firmly temper is held near USUAL, the bonus near 0
FOLDS = 5
RESTS = 1e-3  # share of the texts that may still change class when the consensus is said to rest


@dataclass(frozen=True)
class Precision:
    """Naive Bayes: a vote weighs by how much likelier it makes its class than that class is.

    The weight is log-odds of P(class = vote | the rule cast it), its precision, less those of the
    class's share: being right on what most texts are anyway says little. Both are counted against
    a consensus: where Dawid-Skene and the vote by specificity agree or one is surer, then, round
    by round, where the weighted votes themselves point, until hardly a text changes.

    A rule's precision on the consensus counts like `gold_strength` gold texts against those there
    are. From `least_gold` covered gold texts on, they also settle how sure the probabilities may
    be, on folds that the weights have not seen: a temperature (Guo et al., 2017), and a bonus for
    the likeliest class, which lifts what is right more often than its votes say. A low temperature
    with a bonus says: all texts are about as sure, whatever their votes weigh.

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
    """How many gold texts a rule's precision on the consensus is worth."""
    least_gold: Annotated[int, Field(ge=10)] = 30
    max_texts: Positive = 100_000

    def fit(
        self,
        votes: Votes | SparseVotes,
        n_classes: int,
        *,
        prior: Prior | None = None,
        gold: Classes | None = None,
    ) -> "FittedPrecision":
        """Consensus first; then each rule's precision, by class voted for; then temperature."""
        first = self.consensus.fit(votes, n_classes, prior=prior, gold=gold)
        unlearned = self._without_gold(first, votes, uniform(n_classes, prior))
        known = np.flatnonzero(gold >= 0) if gold is not None else np.empty(0, np.int64)
        some = votes.take(known) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[known])
        judged = np.flatnonzero(some.n_votes)
        if gold is None or not len(judged):
            return unlearned
        some, truth = some.take(judged), gold[known[judged]]
        temper, bonus = self.temper, 0.0
        if len(judged) >= self.least_gold:
            temper, bonus = _calibrate(self._held_out(some, truth, unlearned), truth)
        learned = self._with_gold(some, truth, unlearned)
        return replace(learned, temper=temper, bonus=bonus, n_gold=len(judged))

    def _without_gold(
        self, first: FittedDawidSkene, votes: Votes | SparseVotes, prior: Prior
    ) -> "FittedPrecision":
        """Judge the rules by the consensus, and the consensus by the rules, until it rests."""
        sample, weights = evidence(votes, self.max_texts, least=100)
        patterns, which, _ = distinct(sample)
        counts = np.bincount(which, weights, len(patterns))
        cast = np.bincount(sample.rules, np.repeat(weights, sample.n_votes), sample.n_rules)
        specific = FittedMajority(rarity(cast, len(votes)), prior)
        labels = _likeliest(first.predict_proba(patterns) + specific.predict_proba(patterns))
        fitted = self._judge(patterns, counts, labels, prior)
        for _ in range(self.rounds):
            before, labels = labels, _likeliest(fitted.scores(patterns) + np.log(prior))
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
        return FittedPrecision(precision, of_class / of_class.sum(), prior, self.temper)

    def _with_gold(
        self, some: SparseVotes, truth: Classes, unlearned: "FittedPrecision"
    ) -> "FittedPrecision":
        right, cast = _tally(some, np.ones(len(some)), np.eye(len(unlearned.prior))[truth])
        expected = self.gold_strength * unlearned.precision
        return replace(unlearned, precision=(right + expected) / (cast + self.gold_strength))

    def _held_out(
        self, some: SparseVotes, truth: Classes, unlearned: "FittedPrecision"
    ) -> np.ndarray:
        """`(texts, classes)`: scores of gold texts by weights that these texts did not teach."""
        scores = np.empty((len(some), len(unlearned.prior)))
        folds = np.arange(len(some)) % FOLDS
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
    temper: float = 1.0
    bonus: float = 0.0
    n_gold: int = 0

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: softmax of the tempered weights of the votes for each class."""
        log_prior = np.log(self.prior * len(self.prior))

        def judge(some: SparseVotes) -> np.ndarray:
            scores = self.temper * self.scores(some) + log_prior
            return softmax(scores + self.bonus * (_likeliest(scores) > 0))

        return by_parts(votes, self.prior, judge)

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
        scale = {"temper": np.array(self.temper), "bonus": np.array(self.bonus)}
        return {"precision": self.precision, "share": self.share, "prior": self.prior} | scale

    def why(self) -> str:
        """What the precisions were judged by."""
        by = f"the consensus and {self.n_gold} gold texts" if self.n_gold else "the consensus"
        scale = f"log-odds x {self.temper:.2f}, {self.bonus:g} more for the likeliest class"
        return f"each vote weighs by its precision, judged by {by}; {scale}"


def log_loss(scores: np.ndarray, truth: Classes) -> float:
    """Mean negative log-likelihood of the true classes, in nats."""
    of_truth = softmax(scores)[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(of_truth, 1e-12, 1)).mean())


def _calibrate(scores: np.ndarray, truth: Classes) -> tuple[float, float]:
    """The temper and the bonus of the least log loss."""
    found, likeliest = [], _likeliest(scores) > 0
    for bonus in BONUSES:
        for temper in TEMPERS:
            doubt = (DOUBT * np.log(temper / USUAL) ** 2 + BONUS_DOUBT * bonus**2) / 2
            loss = log_loss(temper * scores + bonus * likeliest, truth)
            found.append((len(truth) * loss + doubt, temper, bonus))
    _, temper, bonus = min(found)
    return float(temper), float(bonus)


def _likeliest(scores: np.ndarray) -> np.ndarray:
    """`(texts, classes)`: 1 for the class of the highest score; classes that tie share.

    >>> _likeliest(np.array([[3.0, 1.0], [2.0, 2.0]])).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    top = scores >= scores.max(axis=1, keepdims=True, initial=-np.inf) - 1e-6
    labels: np.ndarray = top / top.sum(axis=1, keepdims=True)
    return labels


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
