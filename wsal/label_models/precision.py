"""The second stage: votes weigh by how precise they are, and probabilities mean what they say."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from wsal.arrays import Classes, Prior, Probs, Votes
from wsal.label_models.dawid_skene import DawidSkene
from wsal.label_models.patterns import distinct, evidence
from wsal.label_models.scoring import by_parts, softmax, uniform
from wsal.label_models.sparse import SparseVotes
from wsal.settings import Positive, Rate

STRENGTH, EXPECTED = 10.0, 0.75  # pseudo-votes, and their precision, before any is seen
TEMPERS, CROWDINGS = np.geomspace(0.1, 4.0, 25), (0.0, 0.5, 1.0)
USUAL, DOUBT = 0.8, 4.0  # log(temper / USUAL) is held down as by so many gold texts
FOLDS = 5


@dataclass(frozen=True)
class Precision:
    """P(class = vote | the rule cast it), against Dawid-Skene's consensus and gold; as log-odds.

    A rule's precision on the consensus counts like `gold_strength` gold texts against those there
    are. From `least_gold` covered gold texts on, they also settle how sure the probabilities may
    be: a temperature (Guo et al., 2017), and how much rules that vote together repeat one another
    (log-odds are divided by votes ** crowding), measured on folds that the weights have not seen.

    >>> votes = np.array([[0, 0, -1], [1, 1, 1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> Precision().fit(votes, n_classes=2).predict_proba(votes).argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """

    consensus: DawidSkene = field(default_factory=DawidSkene)
    """What finds the likeliest class of each text, to judge the rules by."""
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
        sample, weights = evidence(votes, self.max_texts, least=100)
        patterns, which, _ = distinct(sample)
        counts = np.bincount(which, weights, len(patterns))
        agreed = first.predict_proba(patterns).argmax(axis=1)
        right, cast = _tally(patterns, counts, agreed, n_classes)
        expected = (right + STRENGTH * EXPECTED) / (cast + STRENGTH)
        unlearned = FittedPrecision(expected, uniform(n_classes, prior), self.temper)
        known = np.flatnonzero(gold >= 0) if gold is not None else np.empty(0, np.int64)
        some = votes.take(known) if isinstance(votes, SparseVotes) else SparseVotes.of(votes[known])
        judged = np.flatnonzero(some.n_votes)
        if gold is None or not len(judged):
            return unlearned
        some, truth = some.take(judged), gold[known[judged]]
        temper, crowding = self.temper, 0.0
        if len(judged) >= self.least_gold:
            temper, crowding = _calibrate(self._held_out(some, truth, unlearned), some, truth)
        learned = self._with_gold(some, truth, expected)
        return FittedPrecision(learned, unlearned.prior, temper, crowding, len(judged))

    def _with_gold(self, some: SparseVotes, truth: Classes, expected: np.ndarray) -> np.ndarray:
        right, cast = _tally(some, np.ones(len(some)), truth, expected.shape[1])
        learned: np.ndarray = (right + self.gold_strength * expected) / (cast + self.gold_strength)
        return learned

    def _held_out(
        self, some: SparseVotes, truth: Classes, unlearned: "FittedPrecision"
    ) -> np.ndarray:
        """`(texts, classes)`: scores of gold texts by weights that these texts did not teach."""
        scores = np.empty((len(some), len(unlearned.prior)))
        folds = np.arange(len(some)) % FOLDS
        for fold in range(FOLDS):
            train, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            learned = self._with_gold(some.take(train), truth[train], unlearned.precision)
            scores[held] = FittedPrecision(learned, unlearned.prior).scores(some.take(held))
        return scores


@dataclass(frozen=True)
class FittedPrecision:
    """How precise each rule's votes are, by class, and how sure a sum of them may be."""

    precision: np.ndarray  # (rules, classes)
    prior: Prior
    temper: float = 1.0
    crowding: float = 0.0
    n_gold: int = 0

    def predict_proba(self, votes: Votes | SparseVotes) -> Probs:
        """`(texts, classes)`: softmax of the tempered log-odds of the votes for each class."""
        log_prior = np.log(self.prior * len(self.prior))

        def judge(some: SparseVotes) -> np.ndarray:
            scale = self.temper / some.n_votes[:, None] ** self.crowding
            return softmax(scale * self.scores(some) + log_prior)

        return by_parts(votes, self.prior, judge)

    def scores(self, votes: SparseVotes) -> np.ndarray:
        """`(texts, classes)`: the sum of the log-odds of the votes for each class."""
        n_classes = len(self.prior)
        odds = self.precision * (n_classes - 1) / (1 - self.precision)
        weight = np.maximum(np.log(odds), 1e-3)  # a vote never speaks against its class
        texts = np.repeat(np.arange(len(votes)), votes.n_votes)
        cells = texts * n_classes + votes.classes
        summed = np.bincount(cells, weight[votes.rules, votes.classes], len(votes) * n_classes)
        return summed.reshape(-1, n_classes)

    def arrays(self) -> dict[str, np.ndarray]:
        """`precision` (rules, classes), `prior` (classes,), `temper` () and `crowding` ()."""
        scale = {"temper": np.array(self.temper), "crowding": np.array(self.crowding)}
        return {"precision": self.precision, "prior": self.prior} | scale

    def why(self) -> str:
        """What the precisions were judged by."""
        by = f"the consensus and {self.n_gold} gold texts" if self.n_gold else "the consensus"
        scale = f"log-odds x {self.temper:.2f} / votes ** {self.crowding:g}"
        return f"each vote weighs by its precision, judged by {by}; {scale}"


def log_loss(scores: np.ndarray, truth: Classes) -> float:
    """Mean negative log-likelihood of the true classes, in nats."""
    of_truth = softmax(scores)[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(of_truth, 1e-12, 1)).mean())


def _calibrate(scores: np.ndarray, some: SparseVotes, truth: Classes) -> tuple[float, float]:
    """The temper and the crowding of the least log loss."""
    found = []
    for crowding in CROWDINGS:
        scaled = scores / some.n_votes[:, None] ** crowding
        for temper in TEMPERS:
            doubt = DOUBT * np.log(temper / USUAL) ** 2 / 2
            found.append((len(truth) * log_loss(temper * scaled, truth) + doubt, temper, crowding))
    _, temper, crowding = min(found)
    return float(temper), crowding


def _tally(
    votes: SparseVotes, counts: np.ndarray, truth: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """`(rules, classes)`: how many votes for the class were right, and how many were cast."""
    cells = votes.rules.astype(np.int64) * n_classes + votes.classes
    weights = np.repeat(counts, votes.n_votes)
    right = weights * (np.repeat(truth, votes.n_votes) == votes.classes)
    shape, n_cells = (votes.n_rules, n_classes), votes.n_rules * n_classes
    return (
        np.bincount(cells, right, n_cells).reshape(shape),
        np.bincount(cells, weights, n_cells).reshape(shape),
    )
