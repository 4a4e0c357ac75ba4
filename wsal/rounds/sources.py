"""The answers of a language model beside the votes of rules: one label of all sources, on arrays.

A language model is not one more rule. It answers few texts, is mostly better than rules, and is
fooled by the same words as they are: multiplying the two as if they were independent was measured
to be worse than the language model alone. So the answer comes first. Whether the rules agree, and
how sure the model is, tells how likely the answer is right; if it is wrong, the rules may be right.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from wsal.arrays import ABSTAIN, Classes, Mask, Probs, Rows
from wsal.llm.calibration import Calibration, calibrate, centred, fit_logistic
from wsal.members import judge

AGREE = 0.2  # log-odds that agreement of the rules adds to an answer, before there is gold
DISAGREE = 0.3  # times the logarithm of how often they disagree: the rarer, the more it says
SPREAD = (1.0, 0.5, 0.7, 0.7)  # standard deviations of level, slope, agreement, disagreement
SPREAD_CHOSEN = (3.0, 0.5)  # the same, of what is added to level and slope on chosen texts
RULES_RIGHT = 0.5  # share of wrong answers, where rules disagree, on which the rules are right
PSEUDO_ANSWERS = 10.0  # that the answers of a class are as good as all others
SURE_RULES = 0.9  # probability of a weak label that answers are calibrated against without gold
MOST_FROM_RULES = 10.0  # gold labels that all such weak labels together count as
COUNTS_AS = 0.25  # of a gold label, what agreement with such a weak label shows


@dataclass(frozen=True)
class LLMAnswers:
    """Answers of a language model to texts of the pool, each text once."""

    rows: Rows  # of the pool, ascending
    classes: Classes  # or codes of parents; -1 where no class fits, or there is no valid answer
    confidence: np.ndarray  # the model's own, in [0, 1]
    measures: np.ndarray  # bool: the text is there to measure with, and never trained on
    is_random: np.ndarray  # bool: the text was drawn at random

    def take(self, chosen: np.ndarray) -> "LLMAnswers":
        """Some of the answers."""
        return LLMAnswers(**{name: array[chosen] for name, array in vars(self).items()})

    def named(self) -> "LLMAnswers":
        """Those that name a class or a parent."""
        return self.take(self.classes != ABSTAIN)

    def to_train_on(self) -> "LLMAnswers":
        """Those that name a class or a parent, and are not there to measure with."""
        return self.take(~self.measures & (self.classes != ABSTAIN))

    def at(self, places: Rows) -> "LLMAnswers":
        """The same answers where texts have other rows, `(answers,)`."""
        return replace(self, rows=places)

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

    calibration: Calibration  # of answers to texts without votes
    agree: float  # added to the log-odds of an answer that the rules agree with
    disagree: float  # the same for an answer that they disagree with
    by_class: np.ndarray  # (codes,): the same for an answer with that class or parent
    rules_right: float  # share of wrong answers on which the rules are right
    n_gold: int  # answers to texts with gold
    n_sure: int = 0  # answers to texts of whose class the rules are sure
    members: Mask | None = None  # (codes, classes), if answers may be parents

    def combine(self, rules: Probs, has_vote: np.ndarray, answers: LLMAnswers) -> Probs:
        """The probability of each class given answer and votes, `(answers, classes)`.

        Args:
            rules: what the label model says of the same texts, `(answers, classes)`.
            has_vote: `(answers,)`, whether any rule votes on the text.
            answers: all of them name a class.
        """
        agrees = judge(answers.classes, rules.argmax(axis=1), self.members)[0]
        odds = logit(self.calibration(answers.confidence)) + self.by_class[answers.classes]
        odds += has_vote * np.where(agrees, self.agree, self.disagree)
        share = np.where(has_vote, self.rules_right, 0.0)
        return mixed(rules, answers.classes, expit(odds), share, self.members)

    def why(self) -> str:
        """What the weights rest on."""
        if self.n_gold or self.n_sure:
            reference = f"{self.n_gold} gold texts" if self.n_gold else "agreement with sure rules"
            return f"answers weighed by {reference}"
        return "answers weighed by the model's own confidence, as neither gold nor rules judge them"


def mixed(
    rules: Probs,
    classes: Classes,
    probability: np.ndarray,
    share: np.ndarray,
    members: Mask | None = None,
) -> Probs:
    """The answer with its probability; the rest is divided as the rules would, or evenly.

    So is the probability of a parent among its classes.

    Args:
        rules: `(answers, classes)`.
        classes: the answers.
        probability: that each answer is right, `(answers,)`.
        share: of the rest that is divided as the rules would, `(answers,)`.
        members: `(codes, classes)`, if answers may be parents.

    >>> rules = np.array([[0.5, 0.3, 0.2]])
    >>> probs = mixed(rules, np.array([1]), np.array([0.8]), np.array([0.5]))
    >>> probs.astype(float).round(2).tolist()
    [[0.12, 0.8, 0.08]]
    """
    n, n_classes = rules.shape
    if members is not None and (classes >= n_classes).any():
        return _mixed_parents(rules, members[classes], probability, share)
    others = np.ones((n, n_classes))
    others[np.arange(n), classes] = 0.0
    by_rules = np.clip(rules, 1e-9, 1) * others
    by_rules /= by_rules.sum(axis=1, keepdims=True)
    rest = share[:, None] * by_rules + (1 - share[:, None]) * others / (n_classes - 1)
    probs = (1 - probability)[:, None] * rest
    probs[np.arange(n), classes] = probability
    result: Probs = probs.astype(np.float32)
    return result


def _mixed_parents(
    rules: Probs, answered: Mask, probability: np.ndarray, share: np.ndarray
) -> Probs:
    """`mixed` for answers that stand for the classes `answered` `(answers, classes)`."""
    probs = np.zeros(rules.shape)
    mass = np.where(answered.all(axis=1), 1.0, probability)  # the root of the tree is always right
    for chosen, of_part in ((answered, mass), (~answered, 1 - mass)):
        by_rules = np.clip(rules, 1e-9, 1) * chosen
        by_rules /= np.maximum(by_rules.sum(axis=1, keepdims=True), 1e-12)
        even = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1)
        probs += of_part[:, None] * (share[:, None] * by_rules + (1 - share[:, None]) * even)
    result: Probs = probs.astype(np.float32)
    return result


def weigh_answers(
    answers: LLMAnswers,
    rules: Probs,
    has_vote: np.ndarray,
    gold: Classes,
    members: Mask | None = None,
    at_random: Mask | None = None,
) -> LLMWeight:
    """Learn from gold how far to trust the answers; before there is any, from rules that are sure.

    Gold that was not drawn at random may be of hard texts that a strategy chose, where fewer
    answers are right, which says nothing about other texts. So the regression gives these texts a
    level of their own, which is never above that of all texts: if answers are often right even
    there, they are elsewhere, too. By class, and where rules disagree, all gold is compared with
    what is expected of the same texts.

    Args:
        answers: all of them name a class.
        rules: what the label model says of the same texts, `(answers, classes)`.
        has_vote: `(answers,)`, whether any rule votes on the text.
        gold: `(answers,)`, the class or parent that people gave the text, or -1.
        members: `(codes, classes)`, if answers or gold may be parents.
        at_random: `(answers,)`, whether the gold text was drawn at random; None: if it measures.
    """
    by_rules = rules.argmax(axis=1)
    agrees = has_vote & judge(answers.classes, by_rules, members)[0]
    disagrees = has_vote & ~agrees
    is_sure = has_vote & (rules.max(axis=1) >= SURE_RULES)
    each = min(COUNTS_AS, MOST_FROM_RULES / max(int(is_sure.sum()), 1))
    first = calibrate(
        answers.confidence[is_sure], agrees[is_sure], np.full(int(is_sure.sum()), each)
    )
    right, is_decided = judge(answers.classes, gold, members)
    known = (gold != ABSTAIN) & is_decided
    right = right[known]
    x = centred(answers.confidence)
    is_chosen = ~(answers.measures if at_random is None else at_random)
    columns = (np.ones(len(x)), x, agrees, disagrees, is_chosen, is_chosen * x)
    features = np.column_stack(columns)[known]
    often = (disagrees.sum() + 1) / (has_vote.sum() + 2)
    prior = [first.level, first.slope, AGREE, DISAGREE * np.log(often), 0.0, 0.0]
    spread, highest = (
        np.array(SPREAD + SPREAD_CHOSEN),
        np.array([np.inf] * len(SPREAD) + [0.0, np.inf]),
    )
    fitted = fit_logistic(features, right, np.ones(len(right)), np.array(prior), spread, highest)
    level, slope, agree, disagree = fitted[: len(SPREAD)]
    expected = expit(features @ fitted)
    n_codes = rules.shape[1] if members is None else len(members)
    by_class = _by_class(answers.classes[known], right, expected, n_codes)
    wrong = disagrees[known] & ~right
    rules_win = wrong & (by_rules[known] == gold[known])
    rules_right = (rules_win.sum() + PSEUDO_ANSWERS * RULES_RIGHT) / (wrong.sum() + PSEUDO_ANSWERS)
    compared = rules_win | (disagrees[known] & right)
    elsewhere = features[compared, : len(SPREAD)] @ fitted[: len(SPREAD)]
    disagree += _rules_win_more(right[compared], elsewhere - np.log(rules_right))
    return LLMWeight(
        Calibration(float(level), float(slope)),
        float(agree),
        float(disagree),
        by_class,
        float(rules_right),
        n_gold=int(known.sum()),
        n_sure=int(is_sure.sum()),
        members=members,
    )


def _rules_win_more(right: np.ndarray, odds: np.ndarray) -> float:
    """Log-odds, at most 0, by which answers lose against rules more often than expected.

    Both are judged on the same texts, so that it does not matter how hard these are.

    Args:
        right: whether it is the answer that is right, `(texts,)`; otherwise the rules are.
        odds: the log-odds of that which are expected, `(texts,)`.
    """
    expected = float(np.clip(expit(odds).mean() if len(odds) else 0.5, 0.01, 0.99))
    shrunk = (right.sum() + PSEUDO_ANSWERS * expected) / (len(right) + PSEUDO_ANSWERS)
    return min(0.0, float(logit(shrunk) - logit(expected)))


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
