"""When the loop should end: what each rule says after a round."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wsal.arrays import Classes
from wsal.settings import StopSettings

ROUNDS = 3  # agreement is averaged over so many
LONGEST = 300.0  # seconds: an answer that took longer was a break
HOW_TO_MEASURE = (
    "use evaluation.size=100 (that many more random texts to label, never trained on) or, where "
    "the data has gold labels, data.layout.dev_share=0.1"
)


def kappa(before: Classes, after: Classes) -> float:
    """Cohen's kappa of two rounds' predictions for the same texts, at most 1.

    >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    classes = int(max(before.max(initial=0), after.max(initial=0))) + 1
    same = float((before == after).mean()) if len(before) else 1.0
    shares = [np.bincount(one, minlength=classes) / max(len(one), 1) for one in (before, after)]
    by_chance = float(shares[0] @ shares[1])
    return 1.0 if by_chance >= 1 else round((same - by_chance) / (1 - by_chance), 6)


def unmeasurable_rules(stop: StopSettings) -> str | None:
    """Why rules that are on can never hold where nothing is measured; None if none of them is on.

    >>> print(unmeasurable(StopSettings(target=0.95)))  # doctest: +ELLIPSIS
    stop.target=0.95 is judged by an evaluation sample or a dev split, never by the test split...
    """
    rules = {"target": stop.target, "least_gain": stop.least_gain}
    given = [f"stop.{name}={value:g}" for name, value in rules.items() if value is not None]
    if not given:
        return None
    verb = "is" if len(given) == 1 else "are"
    return (
        f"{' and '.join(given)} {verb} judged by an evaluation sample or a dev split, never by the "
        f"test split, and this run would have neither; {HOW_TO_MEASURE}"
    )


def time_spent(seconds: Sequence[float | None]) -> float | None:
    """Seconds that answers took; one that is not known counts as the median of the others.

    None where none is known.

    >>> time_spent([4.0, None, 1000.0, 6.0])
    316.0
    """
    known = [min(float(one), LONGEST) for one in seconds if one is not None]
    if not known:
        return None
    return round(sum(known) + float(np.median(known)) * (len(seconds) - len(known)), 1)


def cost_of(seconds: float | None, price_per_hour: float) -> float | None:
    """What they cost; None where no time is known.

    >>> cost_of(1800, 30.0)
    15.0
    """
    return None if seconds is None else round(seconds / 3600 * price_per_hour, 2)


def stop_verdicts(
    assessments: Sequence[Mapping[str, Any]], stop: StopSettings, price_per_hour: float = 0.0
) -> list[tuple[bool, str]]:
    """Each rule that can be judged: whether it holds by the settings, and its number in words.

    `assessments` are those of rounds 1, 2, ... (see the stage `assess`); the loop ends when any
    rule holds.
    """
    last = assessments[-1]
    found = []
    if last["rounds"] and last["measured_on"]:
        quality = last["rounds"][-1][stop.metric]
        found.append(_over(quality["low"], stop.target, f"lower bound of {stop.metric}"))
    else:
        what = f"{stop.metric} unknown: there is neither an evaluation sample nor a dev split"
        found.append((False, f"{what}; {HOW_TO_MEASURE}"))
    agreed = [one["agreement"] for one in assessments if one["agreement"] is not None][-ROUNDS:]
    if agreed:
        steady = len(agreed) == ROUNDS
        found.append(_over(float(np.mean(agreed)), stop.agreement if steady else None, "agreement"))
        found.append(_under(last["changed"], stop.change, "share of predictions that changed"))
    if following := last["next_gain"].get(stop.metric):
        what = f"most the next 100 labels could add to {stop.metric}"
        found.append(_under(following["high"], stop.least_gain, what))
    if last["seconds"] is None:
        return [*found, (False, "annotators' hours and cost unknown: no answer was timed")]
    found.append(_over(last["seconds"] / 3600, stop.hours, "hours of annotators"))
    cost = cost_of(last["seconds"], price_per_hour) or 0.0
    return [*found, _over(cost, stop.budget, "cost")]


def _over(value: float, least: float | None, what: str) -> tuple[bool, str]:
    wanted = "" if least is None else f" (wanted {least:g})"
    return least is not None and value >= least, f"{what} {value:.3f}{wanted}"


def _under(value: float, most: float | None, what: str) -> tuple[bool, str]:
    wanted = "" if most is None else f" (wanted below {most:g})"
    return most is not None and value < most, f"{what} {value:.3f}{wanted}"
