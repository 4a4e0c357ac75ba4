"""Answers of a language model and votes of rules, combined."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from wsal.rounds.sources import LLMAnswers, mixed, weigh_answers

N_CLASSES = 10


def simulated(n, llm, rules, copied, seed=0):
    """Answers and rules that are right with these probabilities.

    Where a rule is wrong, the language model gives the same wrong class in a share `copied`.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N_CLASSES, n)
    wrong = (truth + rng.integers(1, N_CLASSES, n)) % N_CLASSES
    ruled = np.where(rng.random(n) < rules, truth, wrong)
    answer = np.where(
        rng.random(n) < llm, truth, (truth + rng.integers(1, N_CLASSES, n)) % N_CLASSES
    )
    answer = np.where((ruled != truth) & (rng.random(n) < copied), ruled, answer)
    probs = np.full((n, N_CLASSES), (1 - rules) / (N_CLASSES - 1))
    probs[np.arange(n), ruled] = rules
    answers = LLMAnswers(np.arange(n), answer, np.full(n, 0.9), np.zeros(n, bool), np.ones(n, bool))
    return truth, answers, probs


def accuracy(probs, truth):
    return float((probs.argmax(axis=1) == truth).mean())


def test_without_gold_the_answer_outweighs_rules_that_are_no_better():
    truth, answers, probs = simulated(4_000, llm=0.85, rules=0.7, copied=0.3)
    everywhere = np.ones(4_000, bool)
    weight = weigh_answers(answers, probs, everywhere, np.full(4_000, -1))
    combined = weight.combine(probs, everywhere, answers)
    alone = float((answers.classes == truth).mean())
    assert accuracy(combined, truth) >= alone
    assert combined.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("llm", "rules"), [(0.6, 0.95), (0.95, 0.6)])
def test_gold_decides_which_source_counts_more(llm, rules):
    truth, answers, probs = simulated(4_000, llm=llm, rules=rules, copied=0.0)
    everywhere, gold = np.ones(4_000, bool), np.full(4_000, -1)
    gold[:200] = truth[:200]
    weight = weigh_answers(answers, probs, everywhere, gold)
    combined = weight.combine(probs, everywhere, answers)
    assert accuracy(combined[200:], truth[200:]) > max(llm, rules) - 0.01
    too_sure = combined[200:].max(axis=1).mean() - accuracy(combined[200:], truth[200:])
    assert -0.1 < too_sure < 0.03  # a prior that expects a better model yields slowly


def test_a_class_that_is_often_wrong_counts_less():
    truth, answers, probs = simulated(2_000, llm=0.9, rules=0.7, copied=0.0)
    bad = answers.classes == 3
    truth = np.where(bad, 4, truth)  # whatever it calls 3 is a 4
    gold = np.where(np.arange(2_000) < 400, truth, -1)
    weight = weigh_answers(answers, probs, np.zeros(2_000, bool), gold)
    probability = weight.combine(probs, np.zeros(2_000, bool), answers).max(axis=1)
    assert probability[bad].max() < 0.4
    assert probability[~bad].min() > 0.7


def of_hard_texts(level, seed, n=3_000):
    """Answers and rules that are right less often the harder a text is; the hardest come first."""
    rng = np.random.default_rng(seed)
    hardness = np.sort(rng.normal(size=n))[::-1]
    truth = rng.integers(0, N_CLASSES, n)

    def source(level):
        others = (truth + rng.integers(1, N_CLASSES, n)) % N_CLASSES
        return np.where(rng.random(n) < expit(level - 1.4 * hardness), truth, others)

    answer, ruled, has_vote = source(level), source(1.6), rng.random(n) < 0.6
    probs = np.full((n, N_CLASSES), 1 / N_CLASSES)
    probs[has_vote] = 0.2 / (N_CLASSES - 1)
    probs[np.flatnonzero(has_vote), ruled[has_vote]] = 0.8
    confidence = np.clip(expit(2.5 - 0.4 * hardness + rng.normal(size=n)), 0.5, 0.99)
    answers = LLMAnswers(np.arange(n), answer, confidence, np.zeros(n, bool), np.ones(n, bool))
    return truth, answers, probs, has_vote


@pytest.mark.parametrize("n_gold", [50, 100, 200])
@pytest.mark.parametrize("level", [0.3, 2.4, 4.0])
def test_gold_of_hard_texts_does_not_lower_the_level_of_all_answers(n_gold, level):
    for seed in range(3):
        truth, answers, probs, has_vote = of_hard_texts(level, seed)
        chosen = np.where(np.arange(len(truth)) < n_gold, truth, -1)
        none, by_chosen = (
            weigh_answers(answers, probs, has_vote, gold) for gold in (np.full(3_000, -1), chosen)
        )
        n, rest = len(truth), slice(n_gold, None)
        before, after = (w.combine(probs, has_vote, answers) for w in (none, by_chosen))
        stated, before_gold = (
            p[np.arange(n), answers.classes][rest].mean() for p in (after, before)
        )
        right = (answers.classes == truth)[rest].mean()
        assert min(before_gold, right) - 0.15 < stated < max(before_gold, right) + 0.05
        assert accuracy(after[rest], truth[rest]) > accuracy(before[rest], truth[rest]) - 0.01


@pytest.mark.parametrize("level", [0.3, 2.4, 4.0])
def test_random_gold_sets_the_level_beside_gold_of_hard_texts(level):
    for seed in range(3):
        truth, answers, probs, has_vote = of_hard_texts(level, seed)
        measures = np.zeros(len(truth), bool)
        measures[100 + np.random.default_rng(seed).permutation(len(truth) - 100)[:100]] = True
        gold = np.where(measures | (np.arange(len(truth)) < 100), truth, -1)
        answers = replace(answers, measures=measures)
        weight = weigh_answers(answers, probs, has_vote, gold)
        rest = np.flatnonzero(gold < 0)
        combined = weight.combine(probs, has_vote, answers)
        stated = combined[rest, answers.classes[rest]].mean()
        assert stated == pytest.approx((answers.classes == truth)[rest].mean(), abs=0.1)


@pytest.mark.parametrize("level", [-1.5, 0.3])
def test_gold_of_hard_texts_shows_that_rules_are_better_than_a_poor_model(level):
    for seed in range(3):
        truth, answers, probs, has_vote = of_hard_texts(level, seed)
        gold = np.where(np.arange(len(truth)) < 200, truth, -1)
        combined = weigh_answers(answers, probs, has_vote, gold).combine(probs, has_vote, answers)
        rest = np.flatnonzero(has_vote & (gold < 0))
        of_rules = accuracy(probs[rest], truth[rest])
        assert of_rules > (answers.classes == truth)[rest].mean() + 0.1
        assert accuracy(combined[rest], truth[rest]) > of_rules - 0.09


def test_answers_that_are_right_on_hard_texts_are_taken_for_right_elsewhere():
    truth, answers, probs, _ = of_hard_texts(0.3, 0)
    hard = np.arange(len(truth)) < 200
    answers = replace(answers, classes=np.where(hard, truth, answers.classes))
    none = np.zeros(len(truth), bool)
    before, after = (
        weigh_answers(answers, probs, none, gold).combine(probs, none, answers).max(axis=1)[~hard]
        for gold in (np.full(len(truth), -1), np.where(hard, truth, -1))
    )
    assert after.mean() > before.mean() + 0.1


def test_an_answer_to_a_text_without_votes_stands_alone():
    uniform = np.full((1, 4), 0.25)
    probs = mixed(uniform, np.array([2]), np.array([0.7]), np.array([0.0]))
    assert probs[0] == pytest.approx([0.1, 0.1, 0.7, 0.1])


def test_only_random_answers_show_how_good_rules_are_and_gold_comes_first():
    answers = LLMAnswers(
        np.array([0, 1, 2]), np.array([5, 6, 7]), np.full(3, 0.9),
        np.zeros(3, bool), np.array([True, False, True]),
    )  # fmt: skip
    assert answers.silver(np.array([-1, -1, 1, -1])).tolist() == [5, -1, 1, -1]


def test_texts_that_measure_are_not_trained_on():
    answers = LLMAnswers(
        np.array([0, 1, 2]), np.array([5, -1, 7]), np.full(3, 0.9),
        np.array([True, False, False]), np.ones(3, bool),
    )  # fmt: skip
    assert answers.to_train_on().rows.tolist() == [2]
