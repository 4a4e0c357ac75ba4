"""When the loop should end: the verdict of each stop rule after a round."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wsal.active.money import amount, bill_of
from wsal.changes import Batch
from wsal.settings import StopSettings

NOT_MEASURED = "records were appended after this round: rules about quality apply from the next on"
USUAL_SIZE = 100  # texts for evaluation
ROUNDS = 3  # over which agreement is averaged


def how_to_measure(n_frame: int | None = None) -> str:
    """What to do for the quality to be measured.

    `n_frame` is how many texts may be asked for evaluation; None: it is not known.

    >>> print(how_to_measure(44))  # doctest: +ELLIPSIS
    use evaluation.size=44 (that many more random texts for people to label, never trained on)...
    """
    gold = "where the data has gold labels, data.layout.dev_share=0.1"
    if n_frame == 0:
        return f"add texts (the pool is too small for an evaluation sample) or, {gold}"
    size = usual_size(n_frame)
    sample = f"evaluation.size={size} (that many more random texts for people to label, never"
    return f"use {sample} trained on) or, {gold}"


def usual_size(n_frame: int | None) -> int:
    """Texts to ask for evaluation, of the `n_frame` texts that may be asked (None: unknown)."""
    return USUAL_SIZE if n_frame is None else min(USUAL_SIZE, n_frame)


def kappa(labels: ArrayLike, others: ArrayLike) -> float:
    """Cohen's kappa of two labellings of the same texts, by two rounds or two people; at most 1.

    Where all labels are one and the same class, kappa is 0/0, and taken to be 1.

    >>> kappa([0, 0, 1, 1], [0, 0, 1, 0]), kappa(["tea"], ["tea"])
    (0.5, 1.0)
    """
    if len(np.union1d(labels, others)) < 2:
        return 1.0
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415  a second that `wsal status` saves

    return round(float(cohen_kappa_score(labels, others)), 6)


def unmeasurable_rules(stop: StopSettings, n_frame: int | None = None) -> str | None:
    """Why rules that are set can never hold where nothing is measured; None if none of them is set.

    `n_frame` is as in `how_to_measure`.

    >>> print(unmeasurable_rules(StopSettings(target=0.95)))  # doctest: +ELLIPSIS
    stop.target=0.95 is measured on an evaluation sample or a dev split, never on the test split...
    """
    rules = {"target": stop.target, "least_gain": stop.least_gain}
    set_rules = [f"stop.{name}={value:g}" for name, value in rules.items() if value is not None]
    if not set_rules:
        return None
    verb = "is" if len(set_rules) == 1 else "are"
    return (
        f"{' and '.join(set_rules)} {verb} measured on an evaluation sample or a dev split, never "
        f"on the test split, but this run would have neither; {how_to_measure(n_frame)}"
    )


def stop_verdicts(
    assessments: Sequence[Mapping[str, Any]],
    stop: StopSettings,
    price_per_hour: float = 0.0,
    batches: Sequence[Batch] = (),
) -> list[tuple[bool, str]]:
    """For each rule: whether it holds, and its present value in words. The loop ends if any holds.

    If records were appended after the last assessment, only rules about hours and cost can hold:
    how good the classifier is on the new records is not known yet.

    Args:
        assessments: the facts of the stage `assess` after rounds 1, 2, ...
        stop: the limits; a rule without a limit never holds.
        price_per_hour: of an annotator.
        batches: that are in force.
    """
    last = assessments[-1]
    verdicts = []
    if lacks_records(last, batches):
        stop = replace(stop, target=None, agreement=None, change=None, least_gain=None)
        verdicts.append((False, NOT_MEASURED))
    if last["rounds"] and last["measured_on"]:
        quality = last["rounds"][-1][stop.metric]
        verdicts.append(_over(quality["low"], stop.target, f"lower bound of {stop.metric}"))
    else:
        reason = f"{stop.metric} unknown: there is neither an evaluation sample nor a dev split"
        verdicts.append((False, f"{reason}; {how_to_measure(last.get('n_frame'))}"))
    agreements = [facts["agreement"] for facts in assessments if facts["agreement"] is not None]
    if agreements:
        recent = agreements[-ROUNDS:]
        limit = stop.agreement if len(recent) == ROUNDS else None
        verdicts.append(_over(float(np.mean(recent)), limit, "agreement"))
        verdicts.append(_under(last["changed"], stop.change, "share of predictions that changed"))
    if gain := last["next_gain"].get(stop.metric):
        name = f"largest likely gain in {stop.metric} from the next 100 labels"
        verdicts.append(_under(gain["high"], stop.least_gain, name))
    bill, unknown = bill_of(last, price_per_hour), "unknown: no answer was timed"
    if last["seconds"] is None and not bill.calls:
        return [*verdicts, (False, f"annotators' hours and cost {unknown}")]
    if last["seconds"] is not None:
        verdicts.append(_over(last["seconds"] / 3600, stop.hours, "hours of annotators"))
    elif bill.answers:
        verdicts.append((False, f"annotators' hours {unknown}"))
    holds, words = _over(bill.total, stop.budget, "cost")
    of_llm = f", {amount(bill.llm)} of it for the language model" if bill.calls else ""
    return [*verdicts, (holds, words + of_llm)]


def lacks_records(assessed: Mapping[str, Any], batches: Sequence[Batch]) -> bool:
    """Whether records were appended after an assessment; taking records away does not count.

    >>> lacks_records({"periods": ["", "d1"]}, [Batch("1.csv", "d1")])
    False
    >>> lacks_records({}, [Batch("1.csv", "d1")])
    True
    """
    known = assessed.get("periods", ())
    return any(batch.digest not in known for batch in batches if not batch.withdraw)


def texts_left(assessed: Mapping[str, Any], batches: Sequence[Batch]) -> int | None:
    """Texts left to train on, as of an assessment; None if that is unknown, as after appending."""
    return None if lacks_records(assessed, batches) else assessed.get("n_left")


def _over(value: float, least: float | None, name: str) -> tuple[bool, str]:
    limit = "" if least is None else f" (stop at {least:g})"
    return least is not None and value >= least, f"{name} {value:.3f}{limit}"


def _under(value: float, most: float | None, name: str) -> tuple[bool, str]:
    limit = "" if most is None else f" (stop below {most:g})"
    return most is not None and value < most, f"{name} {value:.3f}{limit}"
