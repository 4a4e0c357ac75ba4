"""Which mixture is cheapest: costs are recovered, and what rounds cannot show is not said."""

import re

import numpy as np
import pytest

from wsal.rounds.llm_worth import worth_of
from wsal.rounds.mixtures import mixture_sentences

PRICE = 36.0  # an hour of an annotator: with 10 s a label, a label costs 0.10
CHEAPEST = re.compile("^cheapest: (.*)$", re.MULTILINE)


def facts(gold, model, precision, *, seed=0, truly=None, llm_price=0.01, audited=200):
    """Rounds with so many labels of each source; `truly`: what a label of the model is worth."""
    rng = np.random.default_rng(seed)
    right = round(precision * audited)
    worth = worth_of(right, audited)
    truly = worth[1] if truly is None else truly
    counts = np.array(gold) + truly * np.array(model)
    values = 1 - 1.5 * np.maximum(counts, 1) ** -0.45 + rng.normal(0, 0.002, len(counts))
    rounds = [
        {"n_gold": n, "accuracy": {"value": value, "variance": 4e-6}}
        for n, value in zip(gold, values, strict=True)
    ]
    llm = {
        "labels": model, "worth": worth, "audited": audited, "right": right,
        "rounds_cost": llm_price * model[-1],
    }  # fmt: skip
    return {
        "rounds": rounds, "n_gold": gold[-1], "n_evaluation": 0, "seconds": 10.0 * gold[-1],
        "gain": {"accuracy": {"variance": 8e-6}}, "llm": llm,
    }  # fmt: skip


CONSTANT = [10, 20, 40, 80, 160, 320], [20, 40, 80, 160, 320, 640]
CHANGING = [20, 40, 80, 160, 170, 175, 180, 185], [0, 0, 0, 0, 200, 500, 900, 1500]


def said(*arguments, target=0.93, **more):
    return "\n".join(mixture_sentences(facts(*arguments, **more), PRICE, "accuracy", target))


def interval(text, way):
    numbers = re.search(rf"^{way}: ([\d,.]+) \(80%: ([\d,.]+) to ([\d,.]+)\)", text, re.MULTILINE)
    return [float(number.replace(",", "")) for number in numbers.groups()]


@pytest.mark.parametrize("precision", [0.9, 0.97])
def test_costs_of_people_and_of_the_mixture_are_recovered(precision):
    inside, gold, model = [], *CONSTANT
    worth = worth_of(round(200 * precision), 200)[1]
    total = (1.5 / 0.07) ** (1 / 0.45)  # labels at which the error is 0.07
    needed = total - gold[-1] - worth * model[-1]
    per_label = (gold[-1] * 0.1 + model[-1] * 0.01) / (gold[-1] + worth * model[-1])
    for seed in range(20):
        text = said(gold, model, precision, seed=seed)
        for way, cost in (("people alone", 0.1), ("the mixture so far", per_label)):
            _, low, high = interval(text, way)
            inside.append(low <= needed * cost <= high)
    assert np.mean(inside) >= 0.7


def test_the_cheapest_way_is_named_where_the_audit_decides_it():
    assert CHEAPEST.findall(said(*CONSTANT, 0.95)) == ["the mixture so far"]
    assert CHEAPEST.findall(said(*CONSTANT, 0.95, llm_price=0.2)) == ["people alone"]
    unclear = said(*CONSTANT, 0.9, llm_price=0.06, audited=10)
    assert not CHEAPEST.findall(unclear)
    assert "cannot be told from 10 audited labels: people alone or the mixture so far" in unclear


def test_a_constant_share_does_not_show_what_the_model_alone_would_bring():
    text = said(*CONSTANT, 0.95)
    assert "the rounds do not show how far the language model alone would lead" in text
    assert "the language model alone:" not in text


def test_a_changing_share_shows_it_if_its_labels_helped():
    helped = said(*CHANGING, 0.95, target=0.95)
    assert interval(helped, "the language model alone")[0] > 0
    assert CHEAPEST.findall(helped) == ["the language model alone"]
    assert "do not show" in said(*CHANGING, 0.95, target=0.95, truly=0.0)


def test_without_labels_of_a_model_an_audit_or_a_price_nothing_is_compared():
    none = facts(CONSTANT[0], [0] * 6, 0.95)
    assert mixture_sentences(none, PRICE, "accuracy", 0.93) == []
    assert mixture_sentences(none | {"llm": {}}, PRICE, "accuracy", 0.93) == []
    unaudited = facts(*CONSTANT, 0.95)
    unaudited["llm"]["worth"] = None
    assert "judged none of them" in mixture_sentences(unaudited, PRICE, "accuracy", 0.93)[0]
    [line] = mixture_sentences(facts(*CONSTANT, 0.95), 0.0, "accuracy", 0.93)
    assert "active.price_per_hour" in line


def test_a_label_is_worth_less_the_more_often_the_audit_disagrees():
    assert worth_of(0, 0) is None
    perfect, good, coin = worth_of(100, 100), worth_of(90, 100), worth_of(50, 100)
    assert perfect[1] > 0.97 and 0.55 < good[1] < 0.7 and coin[1] < 0.02
    few = worth_of(9, 10)
    assert few[0] < good[0] and few[2] > good[2]
