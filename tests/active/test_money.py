"""The bill: people and a language model, together and in words."""

import json

import pytest

from wsal.active.money import Bill, bill_of

LLM = {"calls": 4, "input_tokens": 1200, "output_tokens": 90, "cost": 0.25}
FACTS = {"n_answers": 10, "seconds": 60.0, "llm": LLM}


def test_people_and_the_language_model_are_added_up():
    bill = bill_of(FACTS, 30.0)
    assert (bill.people, bill.llm, bill.total) == (0.5, 0.25, 0.75)
    assert Bill.read(json.loads(json.dumps(bill.facts()))) == bill


def test_a_price_set_later_applies_to_all_rounds():
    assert [bill_of(FACTS, price).total for price in (0.0, 60.0)] == [0.25, 1.25]


def test_without_money_there_is_no_bill():
    assert bill_of({"n_answers": 10, "seconds": 60.0}, 0.0).sentences() == []
    assert bill_of({}, 0.0).sentences() == []


def test_what_is_unknown_is_not_taken_for_nothing():
    untimed = bill_of(FACTS | {"seconds": None}, 30.0)
    assert untimed.people is None
    assert untimed.sentences()[0] == "people: 10 answers, no time known"
    assert untimed.sentences()[-1] == "together: at least 0.25"
    nobody = bill_of(FACTS | {"seconds": None, "n_answers": 0}, 30.0)
    assert (nobody.people, nobody.total) == (0.0, 0.25)


def test_an_assessment_of_an_earlier_version_has_a_bill():
    bill = bill_of({"n_gold": 20, "n_evaluation": 10, "seconds": 120.0}, 30.0)
    assert (bill.answers, bill.total) == (30, pytest.approx(1.0))


def test_calls_that_no_answer_needs_are_on_the_bill_too():
    bill = bill_of(FACTS, 30.0).with_all_calls([0.1, 0.1, 0.05, 0.0, 0.3])
    assert (bill.other_calls, bill.other_cost, bill.total) == (1, pytest.approx(0.3), 1.05)
    assert bill.sentences()[2].endswith("1 calls, 0.30")
    assert bill_of(FACTS, 30.0).with_all_calls([0.1] * 2) == bill_of(FACTS, 30.0)  # cache is gone
    unused = bill_of({}, 0.0).with_all_calls([0.1])
    assert unused.sentences()[-1] == "together: 0.10"
