"""Stop rules: each ends the loop when it should, and none before."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from wsal.active.stopping import kappa, stop_verdicts, time_spent, unmeasurable_rules
from wsal.settings import StopSettings


def reasons(assessments, stop):
    return [said for holds, said in stop_verdicts(assessments, stop, 36.0) if holds]


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


def test_agreement_is_that_of_three_rounds():
    stop = StopSettings(agreement=0.99)
    high, low = assessed(agreement=0.995), assessed(agreement=0.9)
    assert reasons([high, high], stop) == []
    assert reasons([low, high, high], stop) == []
    assert len(reasons([low, high, high, high], stop)) == 1


def test_what_was_not_measured_is_not_judged():
    blind = assessed() | {"measured_on": None, "rounds": [], "next_gain": {}, "agreement": None}
    told = [said for _, said in stop_verdicts([blind], StopSettings(target=0.1, agreement=0.1))]
    assert [line.split()[0] for line in told] == ["macro_f1", "hours", "cost"]
    assert "evaluation.size=100" in told[0] and "data.layout.dev_share=0.1" in told[0]


def test_rules_about_quality_that_are_on_are_named_where_nothing_is_measured():
    assert (
        unmeasurable_rules(StopSettings(agreement=0.99, change=0.1, hours=1.0, budget=5.0)) is None
    )
    said = unmeasurable_rules(StopSettings(target=0.9, least_gain=0.005))
    assert "stop.target=0.9 and stop.least_gain=0.005 are" in said
    assert "evaluation.size=100" in said


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_cohens(seed):
    draw = np.random.default_rng(seed)
    one, other = draw.integers(0, 4, 200), draw.integers(0, 4, 200)
    assert kappa(one, other) == pytest.approx(cohen_kappa_score(one, other), abs=1e-6)
    assert kappa(one, one) == 1.0


def test_a_break_counts_as_five_minutes_and_an_unknown_time_as_the_median():
    assert time_spent([2.0, 4.0, 9000.0]) == 306.0
    assert time_spent([2.0, 4.0, 6.0, None]) == 16.0
    assert time_spent([None, None]) is None


def test_a_budget_of_time_that_nobody_took_is_told_to_be_unknown():
    stop = StopSettings(hours=0.0, budget=0.0)
    assert reasons([assessed(seconds=None)], stop) == []
    assert "unknown" in stop_verdicts([assessed(seconds=None)], stop)[-1][1]
