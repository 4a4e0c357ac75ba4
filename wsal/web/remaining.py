"""How much is left to answer: in this round, up to the target, and at most; and how long it takes.

Times are those of a person at work: what several people share goes faster.
"""

from collections.abc import Sequence
from math import inf, isinf
from statistics import mean
from typing import Any

from wsal.active.money import amount
from wsal.annotation.task_queue import TaskQueue
from wsal.evaluation.forecast import Forecast
from wsal.labels import NONE
from wsal.rounds.learning_curve import out_of_reach

NEWEST = 100  # answers whose times count
PAUSE = 120.0  # seconds; whoever takes longer is doing something else
LEAST_TIMED = 3  # answers, for a time to be given
UNLIKELY = 0.05  # a smaller chance that the target cannot be reached is not mentioned


def target_facts(
    facts: dict[str, Any], expected: Forecast, target: float, *, is_set: bool
) -> dict[str, Any]:
    """The target, and the labels that it needs after the last assessment; null: never."""
    labels = (expected.labels, expected.low, expected.high)
    return {
        "value": target,
        "is_set": is_set,
        "labels": [None if isinf(n) else n for n in labels],
        "unreachable": expected.unreachable,
        "beyond": expected.beyond,
        "n_gold": facts["n_gold"],
        "round": facts["round"],
    }


def remaining(
    queues: Sequence[TaskQueue], known: Sequence[TaskQueue], quality: dict[str, Any]
) -> dict[str, Any]:
    """What the page shows about the rest of the run.

    Args:
        queues: those that people are given texts of.
        known: these and former ones.
        quality: what `panel.quality` has computed after the last round; empty before.

    Returns:
        `minutes` to the end of the open round, null if nothing was timed; `sentences`; and, with a
        forecast, `labels`: those so far, and those expected in the end.
    """
    seconds = seconds_per_answer(queues)
    n_open = sum(len(q.open_ids(q.answers())) for q in queues if not q.round.is_early)
    sentences: list[str] = []
    labels = None
    if target := quality.get("target"):
        later = [queue for queue in known if queue.round.number > target["round"]]
        since = len(set[str]().union(*map(_labelled, later)))
        sentences += _to_target(target, quality, since, seconds)
        median = target["labels"][0]
        if median:
            labels = [target["n_gold"] + since, target["n_gold"] + max(since, round(median))]
    if plan := quality.get("plan"):
        further = max(0, plan["rounds"] - queues[0].round.number)
        most = n_open + further * plan["query_size"]
        rounds = f"{further} more round{'s' * (further != 1)} of {plan['query_size']} texts"
        sentences.append(f"At most {most:,} more labels ({rounds}){_taking(most, seconds)}.")
    if seconds:
        sentences.append(f"A label takes {seconds:.1f} s (newest answers, without pauses).")
    minutes = None if seconds is None else n_open * seconds / 60
    return {"minutes": minutes, "sentences": sentences, "labels": labels}


def seconds_per_answer(queues: Sequence[TaskQueue]) -> float | None:
    """How long people took for each of the newest answers on average; None if few were timed."""
    if not queues:
        return None
    queues[0].answers()  # which updates the decisions in force
    times = [e.seconds for e in queues[0].in_force[1] if e.seconds is not None]
    at_work = [seconds for seconds in times if seconds <= PAUSE][-NEWEST:]
    return mean(at_work) if len(at_work) >= LEAST_TIMED else None


def minutes_in_words(minutes: float) -> str:
    """A duration as people say it.

    >>> minutes_in_words(0.4), minutes_in_words(12.3), minutes_in_words(150)
    ('less than a minute', '12 min', '2.5 h')
    """
    if minutes < 1:
        return "less than a minute"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:,.1f} h"


def _labelled(queue: TaskQueue) -> set[str]:
    """Texts of a queue that were answered with a class and will be trained on."""
    items = queue.round.items
    return {
        text_id
        for text_id, own in queue.answers().items()
        if any(e.label not in (None, NONE) for e in own.values()) and not items[text_id].keeps_place
    }


def _to_target(
    target: dict[str, Any], quality: dict[str, Any], since: int, seconds: float | None
) -> list[str]:
    metric = "macro-F1" if quality["metric"] == "macro_f1" else "accuracy"
    goal = f"{metric} {target['value']:g}"
    if not target["is_set"]:
        goal += " (an example: stop.target is not set)"
    if target["labels"][2] == 0:
        return [f"{goal} is reached."]
    median, low, high = (None if n is None else max(0.0, n - since) for n in target["labels"])
    left = None if target.get("n_left") is None else max(0, target["n_left"] - since)
    few = out_of_reach([inf if n is None else n for n in (median, low, high)], left)
    if median is None or low is None:
        least = f" (80%: at least {low:,.0f})" if low else ""
        sentences = [f"{goal} needs more labels than can be estimated{least}{few}."]
    else:
        end = f"80%: at least {low:,.0f}" if high is None else f"80%: {low:,.0f} to {high:,.0f}"
        if high is None and not low:
            end = "no interval can be given"
        taking = _taking(median, seconds, low, high)
        sentences = [f"{goal} needs about {median:,.0f} more labels ({end}){taking}{few}."]
        if seconds and quality["price"]:
            cost = amount(median * seconds / 3600 * quality["price"])
            sentences.append(f"These cost about {cost} of people's time.")
    if target["unreachable"] > UNLIKELY:
        chance = f"{target['unreachable']:.0%}"
        sentences.append(f"The chance that no number of labels reaches it is {chance}.")
    if target["beyond"]:
        sentences.append("That is far beyond the rounds so far: look again after the next one.")
    return sentences


def _taking(
    labels: float, seconds: float | None, low: float | None = None, high: float | None = None
) -> str:
    """How long labels take, as the end of a sentence; empty if that is unknown."""
    if seconds is None:
        return ""
    words = f", {minutes_in_words(labels * seconds / 60)} of work"
    if low is None or (not low and high is None):
        return words
    first = minutes_in_words(low * seconds / 60)
    if high is None:
        return f"{words} (at least {first})"
    return f"{words} ({first} to {minutes_in_words(high * seconds / 60)})"
