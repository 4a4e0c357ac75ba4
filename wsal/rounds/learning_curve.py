"""The learning curve that the rounds make, and its forecast in sentences."""

from collections.abc import Callable, Sequence
from math import inf, isinf
from typing import Any

import numpy as np

from wsal.active.money import amount
from wsal.artifacts import Facts
from wsal.evaluation.forecast import Curve, Forecast

MOST = 1e7  # labels: more are as good as unreachable
MOST_SHARED = 0.95  # share of the variance that rounds can have in common


def learning_curve(facts: Facts, metric: str, worth: float | None = None) -> Curve:
    """The metric after each round, with its variance.

    `facts` are those of the stage `assess`. All rounds were measured on the same texts, so their
    errors are correlated. The last gain shows by how much: it varies less than the difference of
    two independent estimates would. A label of a language model counts as `worth` labels of people;
    by default, as many as its audit shows.
    """
    counts = labels_counted(facts, worth)
    rounds = [(n, r) for n, r in zip(counts, facts["rounds"], strict=True) if n]
    independent = sum(assessed[metric]["variance"] for assessed in facts["rounds"][-2:])
    ratio = facts["gain"][metric]["variance"] / independent if independent else 1.0
    return Curve(
        np.array([n for n, _ in rounds], dtype=np.float64),
        np.array([assessed[metric]["value"] for _, assessed in rounds]),
        np.array([assessed[metric]["variance"] for _, assessed in rounds]),
        shared=float(np.clip(1 - ratio, 0, MOST_SHARED)),
    )


def labels_counted(facts: Facts, worth: float | None = None) -> list[float]:
    """The labels of each round; those of a language model count as `worth` ones of people."""
    of_people = [assessed["n_gold"] for assessed in facts["rounds"]]
    llm = facts.get("llm")
    if not llm:
        return of_people
    if worth is None:
        worth = llm["worth"][1] if llm["worth"] else 0.0
    return [n + worth * of_llm for n, of_llm in zip(of_people, llm["labels"], strict=True)]


def forecast_sentences(
    facts: dict[str, Any],
    forecast: Forecast,
    price: float,
    metric: str,
    target: float,
    n_left: int | None = None,
) -> list[str]:
    """The forecast in sentences: labels and, where answers were timed, hours and cost.

    `n_left` is how many texts of the pool can still be labelled to train on; None: unknown.
    """
    if not forecast.high:
        return [f"{metric} {target:g} is reached"]
    numbers = (forecast.labels, forecast.low, forecast.high)
    labels = [inf if n > MOST else n for n in numbers]
    lines = [
        f"{metric} {target:g} needs {with_interval(labels, _count)}" + out_of_reach(labels, n_left),
        f"chance that no number of labels reaches it: {forecast.unreachable:.0%}",
    ]
    if seconds := seconds_per_label(facts):
        hours = [n * seconds / 3600 for n in labels]
        lines.append(f"at {seconds:.1f} s a label, {with_interval(hours, _hours)}")
        if price:
            money = [n * price for n in hours]
            lines.append(f"which costs {with_interval(money, amount)}")
        if facts["n_evaluation"]:
            lines.append("labels for evaluation in each further round come on top")
    if forecast.beyond:
        lines.append("that is far beyond the rounds so far: ask again after the next round")
    return lines


def out_of_reach(labels: Sequence[float], n_left: int | None) -> str:
    """The end of a sentence where the pool has fewer texts left than are needed; else empty.

    `labels` are the median of those needed and the ends of its interval; `n_left` is None where it
    is not known.

    >>> out_of_reach((16_310, 900, inf), 244)
    ', but the pool has only 244 texts left: by this curve, they are too few'
    >>> out_of_reach((300, 100, inf), 244)
    ', but the pool has only 244 texts left: by this curve, they are probably too few'
    """
    median, low, _ = labels
    if n_left is None or median <= n_left:
        return ""
    few = "too few" if low > n_left else "probably too few"
    left = "1 text" if n_left == 1 else f"{n_left:,} texts"
    return f", but the pool has only {left} left: by this curve, they are {few}"


def seconds_per_label(facts: Facts) -> float | None:
    """How long people took for a label; None if that is unknown."""
    answered = facts["n_gold"] + facts["n_evaluation"]
    return facts["seconds"] / answered if facts["seconds"] and answered else None


def with_interval(values: Sequence[float], unit: Callable[[float], str]) -> str:
    """A median and the ends of its interval, any of which may be infinite.

    >>> with_interval((40, 25, inf), lambda n: f"{n} labels")
    '40 labels (80%: at least 25 labels)'
    >>> with_interval((40, 0, inf), lambda n: f"{n} labels")
    '40 labels (no interval can be given)'
    """
    median, low, high = values
    middle = "more than can be estimated" if isinf(median) else unit(median)
    if isinf(high) and low <= 0:
        return f"{middle} (no interval can be given)"
    interval = f"at least {unit(low)}" if isinf(high) else f"{unit(low)} to {unit(high)}"
    return f"{middle} (80%: {interval})"


def _count(n: float) -> str:
    return "an unknown number of labels" if isinf(n) else f"{n:,.0f} more labels"


def _hours(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h"
