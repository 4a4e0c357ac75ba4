"""The answers of a language model beside the votes of rules: one label of all sources, on arrays.

A language model is not one more rule. It answers few texts, is mostly better than rules, and is
fooled by the same words as they are, so the two must not be multiplied as if they were independent
(measured: that was worse than the language model alone). The likelihood of the rules is therefore
raised to a power below 1, which gold decides where there is enough of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from wsal.arrays import ABSTAIN, Classes, Probs, Rows
from wsal.llm.calibration import Calibration, calibrate

RULES_WEIGHT = 0.3  # without gold; measured on recorded answers, see benchmarks/README.md
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
LEAST_GOLD = 30  # texts with votes, an answer and gold, to choose the weight of rules by
PSEUDO_ANSWERS = 10.0  # that the answers of a class are as good as all others
SURE_RULES = 0.9  # probability of a weak label that answers are calibrated against without gold
COUNTS_AS = 0.25  # of a gold label, what agreement with such a weak label shows


@dataclass(frozen=True)
class LLMAnswers:
    """Answers of a language model to texts of the pool, each text once."""

    rows: Rows  # of the pool, ascending
    classes: Classes  # -1 where the model says that no class fits, or gave no valid answer
    confidence: np.ndarray  # the model's own, in [0, 1]
    measures: np.ndarray  # bool: the text is there to measure with, and never trained on
    is_random: np.ndarray  # bool: the text was drawn at random

    def take(self, chosen: np.ndarray) -> "LLMAnswers":
        """Some of the answers."""
        return LLMAnswers(
            self.rows[chosen],
            self.classes[chosen],
            self.confidence[chosen],
            self.measures[chosen],
            self.is_random[chosen],
        )

    def to_train_on(self) -> "LLMAnswers":
        """Those that name a class and are not there to measure with."""
        return self.take(~self.measures & (self.classes != ABSTAIN))

    def silver(self, gold: Classes) -> Classes:
        """What rules are weighed against: `(texts,)`, gold, else an answer, else -1.

        Only answers to texts that were drawn at random: those chosen because rules disagree would
        make the rules look worse than they are.
        """
        truth = gold.copy()
        random = self.take(self.is_random & (gold[self.rows] == ABSTAIN))
        truth[random.rows] = random.classes
        return truth


@dataclass(frozen=True)
class LLMWeight:
    """How far the answers of a language model are trusted beside the rules."""

    calibration: Calibration
    by_class: np.ndarray  # (classes,): added to the log-odds of an answer with that class
    rules_weight: float  # the power of the rules' likelihood
    n_gold: int  # answers to texts with gold

    def probability(self, answers: LLMAnswers) -> np.ndarray:
        """The probability that each answer is right, `(answers,)`."""
        odds = logit(self.calibration(answers.confidence)) + self.by_class[answers.classes]
        probability: np.ndarray = expit(odds)
        return probability

    def combine(self, rules: Probs, has_vote: np.ndarray, answers: LLMAnswers) -> Probs:
        """The probability of each class given answer and votes, `(answers, classes)`.

        Args:
            rules: what the label model says of the same texts, `(answers, classes)`.
            has_vote: `(answers,)`, whether any rule votes on the text.
            answers: all of them name a class.
        """
        return mixed(rules, has_vote, answers.classes, self.probability(answers), self.rules_weight)

    def why(self) -> str:
        """What the weights rest on."""
        reference = f"{self.n_gold} gold texts" if self.n_gold else "agreement with sure rules"
        weight = f"the votes on their texts count {self.rules_weight:g} beside them"
        return f"answers calibrated by {reference}; {weight}"


def mixed(
    rules: Probs, has_vote: np.ndarray, classes: Classes, probability: np.ndarray, weight: float
) -> Probs:
    """An answer that is right with `probability`, times the rules' distribution to the power.

    >>> rules = np.array([[0.5, 0.3, 0.2]])
    >>> mixed(rules, np.array([True]), np.array([1]), np.array([0.8]), 1.0).round(2).tolist()
    [[0.16, 0.77, 0.06]]
    """
    n, n_classes = rules.shape
    answer = np.repeat(((1 - probability) / (n_classes - 1))[:, None], n_classes, axis=1)
    answer[np.arange(n), classes] = probability
    power = np.where(has_vote, weight, 0.0)[:, None]
    joint = answer * np.clip(rules, 1e-12, 1) ** power
    probs: Probs = (joint / joint.sum(axis=1, keepdims=True)).astype(np.float32)
    return probs


def weigh_answers(
    answers: LLMAnswers, rules: Probs, has_vote: np.ndarray, gold: Classes
) -> LLMWeight:
    """Learn from gold how far to trust the answers; without gold, from rules that are sure.

    Args:
        answers: all of them name a class.
        rules: what the label model says of the same texts, `(answers, classes)`.
        has_vote: `(answers,)`, whether any rule votes on the text.
        gold: `(answers,)`, the class that people gave the text, or -1.
    """
    n_classes, has_gold = rules.shape[1], gold != ABSTAIN
    right = (answers.classes == gold).astype(np.float64)
    is_sure = has_vote & (rules.max(axis=1) >= SURE_RULES) & ~has_gold
    agrees = (answers.classes == rules.argmax(axis=1)).astype(np.float64)
    n_gold = int(has_gold.sum())
    # Agreement with rules is the weaker evidence, and counts less the more gold there is.
    share = COUNTS_AS * LEAST_GOLD / (LEAST_GOLD + n_gold) / max(is_sure.sum() / LEAST_GOLD, 1)
    known = has_gold | is_sure
    calibration = calibrate(
        answers.confidence[known],
        np.where(has_gold, right, agrees)[known],
        np.where(has_gold, 1.0, share)[known],
    )
    expected = calibration(answers.confidence)
    by_class = _by_class(answers.classes[has_gold], right[has_gold], expected[has_gold], n_classes)
    weight = LLMWeight(calibration, by_class, RULES_WEIGHT, n_gold)
    judged = np.flatnonzero(has_gold & has_vote)
    if len(judged) < LEAST_GOLD:
        return weight
    taken = answers.take(judged)
    losses = {
        power: _loss(
            mixed(rules[judged], has_vote[judged], taken.classes, weight.probability(taken), power),
            gold[judged],
        )
        for power in WEIGHTS
    }
    best = min(WEIGHTS, key=lambda power: losses[power])
    return LLMWeight(calibration, by_class, best, n_gold)


def _by_class(
    classes: Classes, right: np.ndarray, expected: np.ndarray, n_classes: int
) -> np.ndarray:
    """`(classes,)`: log-odds by which answers of a class are better than their confidence says."""
    n, n_right, n_expected = (
        np.bincount(classes, weights, n_classes) for weights in (None, right, expected)
    )
    mean = np.where(n > 0, n_expected / np.maximum(n, 1), 0.5)
    shrunk = (n_right + PSEUDO_ANSWERS * mean) / (n + PSEUDO_ANSWERS)
    shift: np.ndarray = logit(np.clip(shrunk, 0.01, 0.99)) - logit(np.clip(mean, 0.01, 0.99))
    return shift


def _loss(probs: Probs, gold: Classes) -> float:
    return float(-np.log(np.clip(probs[np.arange(len(gold)), gold], 1e-9, 1)).sum())
