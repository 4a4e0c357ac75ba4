"""The learning curve that the rounds make, and its forecast in sentences."""

from collections.abc import Callable, Sequence
from math import isinf
from typing import Any

import numpy as np

from wsal.artifacts import Facts
from wsal.evaluation.forecast import Curve, Forecast

MOST_SHARED = 0.95  # share of the variance that rounds can have in common


def learning_curve(facts: Facts, metric: str) -> Curve:
    """The metric after each round, with its variance.

    `facts` are those of the stage `assess`. All rounds were measured on the same texts, so their
    errors are correlated. The last gain shows by how much: it varies less than the difference of
    two independent estimates would.
    """
    rounds = [assessed for assessed in facts["rounds"] if assessed["n_gold"]]
    independent = sum(assessed[metric]["variance"] for assessed in facts["rounds"][-2:])
    ratio = facts["gain"][metric]["variance"] / independent if independent else 1.0
    return Curve(
        np.array([assessed["n_gold"] for assessed in rounds], dtype=np.float64),
        np.array([assessed[metric]["value"] for assessed in rounds]),
        np.array([assessed[metric]["variance"] for assessed in rounds]),
        shared=float(np.clip(1 - ratio, 0, MOST_SHARED)),
    )


def forecast_sentences(
    facts: dict[str, Any], forecast: Forecast, price: float, metric: str, target: float
) -> list[str]:
    """The forecast in sentences: labels and, where answers were timed, hours and cost."""
    if not forecast.high:
        return [f"{metric} {target:g} is reached"]
    labels = (forecast.labels, forecast.low, forecast.high)
    lines = [
        f"{metric} {target:g} needs {_with_interval(labels, _count)}",
        f"chance that no number of labels reaches it: {forecast.unreachable:.0%}",
    ]
    answered = facts["n_gold"] + facts["n_evaluation"]
    if facts["seconds"] and answered:
        seconds = facts["seconds"] / answered
        hours = [n * seconds / 3600 for n in labels]
        lines.append(f"at {seconds:.1f} s a label, {_with_interval(hours, _hours)}")
        if price:
            money = [n * price for n in hours]
            lines.append(f"which costs {_with_interval(money, _money)}")
        if facts["n_evaluation"]:
            lines.append("labels for evaluation in each further round come on top")
    if forecast.beyond:
        lines.append("that is far beyond the rounds so far: ask again after the next round")
    return lines


def _with_interval(values: Sequence[float], unit: Callable[[float], str]) -> str:
    """A median and the ends of its interval, any of which may be infinite."""
    median, low, high = values
    interval = f"at least {unit(low)}" if isinf(high) else f"{unit(low)} to {unit(high)}"
    middle = "more than can be estimated" if isinf(median) else unit(median)
    return f"{middle} (80%: {interval})"


def _count(n: float) -> str:
    return "an unknown number of labels" if isinf(n) else f"{n:,.0f} more labels"


def _hours(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h"


def _money(money: float) -> str:
    return f"{money:,.2f}"
