"""Stop rules: each ends the loop when it should, and none before."""

import numpy as np
import pytest

from wsal.active.money import time_spent
from wsal.active.stopping import kappa, stop_verdicts, texts_left, unmeasurable_rules
from wsal.changes import Batch
from wsal.settings import StopSettings


def reasons(assessments, stop, batches=()):
    return [message for holds, message in stop_verdicts(assessments, stop, 36.0, batches) if holds]


def assessed(low=0.90, agreement=0.95, changed=0.04, gain=0.01, seconds=3600.0):
    quality = {"value": low + 0.02, "low": low, "high": low + 0.04, "variance": 1e-4}
    return {
        "measured_on": "the dev split", "rounds": [{"macro_f1": quality, "accuracy": quality}],
        "agreement": agreement, "changed": changed, "seconds": seconds,
        "next_gain": {"macro_f1": {"value": 0.0, "low": 0.0, "high": gain}},
    }  # fmt: skip


def test_no_rule_is_on_by_default():
    assert reasons([assessed(low=1.0, agreement=1.0, changed=0.0)] * 5, StopSettings()) == []


@pytest.mark.parametrize(
    ("rule", "reached", "not_yet"),
    [
        ({"target": 0.9}, assessed(low=0.9), assessed(low=0.899)),
        ({"change": 0.01}, assessed(changed=0.009), assessed(changed=0.01)),
        ({"least_gain": 0.005}, assessed(gain=0.004), assessed(gain=0.006)),
        ({"hours": 1.0}, assessed(seconds=3600), assessed(seconds=3599)),
        ({"budget": 50.0}, assessed(seconds=5000), assessed(seconds=4990)),
    ],
)
def test_each_rule_ends_the_loop_and_says_why(rule, reached, not_yet):
    assert reasons([not_yet], StopSettings(**rule)) == []
    [why] = reasons([reached], StopSettings(**rule))
    assert f"{next(iter(rule.values())):g}" in why


def test_rules_about_quality_wait_for_a_round_that_knows_the_appended_records():
    stop, batches = StopSettings(target=0.5, change=0.5, least_gain=0.5, hours=2), [Batch("1", "d")]
    before = assessed() | {"periods": [""]}
    verdicts = stop_verdicts([before], stop, 36.0, batches)
    assert not any(holds for holds, _ in verdicts)
    assert verdicts[0][1].startswith("records were appended after this round")
    assert reasons([before | {"seconds": 7200.0}], stop, batches) == [
        "hours of annotators 2.000 (stop at 2)"
    ]
    assert len(reasons([before, assessed() | {"periods": ["", "d"]}], stop, batches)) == 3
    assert len(reasons([before], stop, [Batch("1", "d", withdraw=True)])) == 3


def test_agreement_is_that_of_three_rounds():
    stop = StopSettings(agreement=0.99)
    high, low = assessed(agreement=0.995), assessed(agreement=0.9)
    assert reasons([high, high], stop) == []
    assert reasons([low, high, high], stop) == []
    assert len(reasons([low, high, high, high], stop)) == 1


def test_what_was_not_measured_is_not_judged():
    blind = assessed() | {"measured_on": None, "rounds": [], "next_gain": {}, "agreement": None}
    verdicts = stop_verdicts([blind], StopSettings(target=0.1, agreement=0.1))
    messages = [message for _, message in verdicts]
    assert [message.split()[0] for message in messages] == ["macro_f1", "hours", "cost"]
    assert "evaluation.size=100" in messages[0] and "data.layout.dev_share=0.1" in messages[0]
    for n_frame, advice in (
        (44, "use evaluation.size=44 "),
        (0, "; add texts"),
        (900, "size=100 "),
    ):
        assert advice in stop_verdicts([blind | {"n_frame": n_frame}], StopSettings())[0][1]


def test_texts_left_are_unknown_once_records_are_appended():
    facts = assessed() | {"periods": [""], "n_left": 244}
    assert texts_left(facts, []) == 244
    assert texts_left(facts, [Batch("1", "d")]) is None
    assert texts_left(assessed(), []) is None


def test_rules_about_quality_that_are_set_are_named_where_nothing_is_measured():
    assert (
        unmeasurable_rules(StopSettings(agreement=0.99, change=0.1, hours=1.0, budget=5.0)) is None
    )
    assert "evaluation.size=44 " in unmeasurable_rules(StopSettings(target=0.9), 44)
    message = unmeasurable_rules(StopSettings(target=0.9, least_gain=0.005))
    assert "stop.target=0.9 and stop.least_gain=0.005 are" in message
    assert "evaluation.size=100" in message


def test_kappa_is_one_where_both_always_name_the_same_class():
    assert kappa(np.zeros(5, int), np.zeros(5, int)) == 1.0
    assert kappa([], []) == 1.0
    assert kappa(np.zeros(5, int), np.ones(5, int)) == 0.0
    assert kappa(["tea", "tea"], ["tea", "cup"]) == 0.0


def test_a_break_counts_as_five_minutes_and_an_unknown_time_as_the_median():
    assert time_spent([2.0, 4.0, 9000.0]) == 306.0
    assert time_spent([2.0, 4.0, 6.0, None]) == 16.0
    assert time_spent([None, None]) is None


def test_a_budget_counts_people_and_the_language_model_together():
    stop = StopSettings(budget=50.0)
    llm = {"calls": 10, "input_tokens": 900, "output_tokens": 90, "cost": 14.0}
    before = assessed(seconds=3590.0) | {"llm": llm | {"cost": 13.0}}  # 35.90 for people
    assert reasons([before], stop) == []
    [why] = reasons([assessed(seconds=3600.0) | {"llm": llm}], stop)
    assert why == "cost 50.000 (stop at 50), 14.00 of it for the language model"
    alone = assessed(seconds=None) | {"llm": llm | {"cost": 50.0}, "n_answers": 0}
    assert len(reasons([alone], stop)) == 1
    untimed = stop_verdicts([alone | {"n_answers": 5}], StopSettings(hours=0.0), 36.0)
    assert (False, "annotators' hours unknown: no answer was timed") in untimed


def test_a_budget_of_time_that_nobody_took_is_reported_as_unknown():
    stop = StopSettings(hours=0.0, budget=0.0)
    assert reasons([assessed(seconds=None)], stop) == []
    assert "unknown" in stop_verdicts([assessed(seconds=None)], stop)[-1][1]
