"""The learning curve that the rounds make, and its forecast in sentences."""

from collections.abc import Callable, Sequence
from math import isinf
from typing import Any

import numpy as np

from wsal.artifacts import Facts
from wsal.evaluation.forecast import Curve, Forecast

MOST_SHARED = 0.95


def learning_curve(facts: Facts, metric: str) -> Curve:
    """The learning curve that the rounds make.

    They were measured on the same texts, so they err together: how much so, the last gain says,
    which varies less than the two ends would if they were independent.
    """
    with_gold = [one for one in facts["rounds"] if one["n_gold"]]
    ends = sum(one[metric]["variance"] for one in facts["rounds"][-2:])
    apart = facts["gain"][metric]["variance"] / ends if ends else 1.0
    return Curve(
        np.array([one["n_gold"] for one in with_gold], dtype=np.float64),
        np.array([one[metric]["value"] for one in with_gold]),
        np.array([one[metric]["variance"] for one in with_gold]),
        shared=float(np.clip(1 - apart, 0, MOST_SHARED)),
    )


def forecast_sentences(
    facts: dict[str, Any], told: Forecast, price: float, metric: str, target: float
) -> list[str]:
    """The forecast in sentences."""
    if not told.high:
        return [f"{metric} {target:g} is reached"]
    ends = (told.labels, told.low, told.high)
    lines = [
        f"{metric} {target:g} needs {_with_interval(ends, _count)}",
        f"chance that no number of labels reaches it: {told.unreachable:.0%}",
    ]
    answered = facts["n_gold"] + facts["n_evaluation"]
    if facts["seconds"] and answered:
        each = facts["seconds"] / answered
        hours = [one * each / 3600 for one in ends]
        lines.append(f"at {each:.1f} s a label, {_with_interval(hours, _hours)}")
        if price:
            money = [one * price for one in hours]
            lines.append(f"which costs {_with_interval(money, _money)}")
        if facts["n_evaluation"]:
            lines.append("labels for evaluation, in each further round, come on top")
    if told.beyond:
        lines.append("that is far beyond what was seen: ask again after the next round")
    return lines


def _with_interval(values: Sequence[float], told: Callable[[float], str]) -> str:
    """A median, and the ends of its interval: an end without limit is said to be one."""
    middle, low, high = values
    ends = f"{told(low)} or more" if isinf(high) else f"{told(low)} to {told(high)}"
    return f"{'more than can be said' if isinf(middle) else told(middle)} (80%: {ends})"


def _count(n: float) -> str:
    return "an unknown number of labels" if isinf(n) else f"{n:,.0f} more labels"


def _hours(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h"


def _money(money: float) -> str:
    return f"{money:,.2f}"
