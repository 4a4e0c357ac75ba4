"""The largest part of a batch whose precision is certain, and which labels to ask for next.

The parts are nested: each has all texts whose confidence is at least a limit, and the last is the
whole batch. Texts are labelled in one random order; within each part, this is a random order, too.
So the evidence about a part (`wsal.evaluation.acceptance`) is valid whichever labels are asked for
next, and why.

The probability that a part is released whose precision is too low is at most `error`. Half of it is
spent on the whole, and half on the parts, which are tested from the most confident down until one
does not pass (fixed-sequence testing). If all smaller parts pass, their half goes to the whole, too
(Bretz et al., "A graphical approach to sequentially rejective multiple test procedures", 2009).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wsal.arrays import Classes, Rows
from wsal.evaluation.acceptance import log_evidence_against, log_evidence_for

SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
GIVEN_UP = 8.0
"""Evidence against a part at which no label is asked for its sake. This guarantees nothing."""
HOPE = 0.5
"""Standard errors by which a part may be better than its labels so far when its cost is judged."""


@dataclass(frozen=True)
class Goal:
    """What is guaranteed."""

    precision: float
    """The least share of right predictions in what is released."""
    error: float
    """The largest probability that something with a smaller share is released."""


@dataclass(frozen=True)
class Parts:
    """Nested parts of a batch, the most confident first."""

    limits: tuple[float, ...]
    """The least confidence in each part, descending."""
    part: Classes
    """`(texts,)`: the smallest part that each text is in."""
    order: Rows
    """`(texts,)`: all texts, in random order."""

    @classmethod
    def of(
        cls, confidence: np.ndarray, rng: np.random.Generator, shares: Sequence[float] = SHARES
    ) -> "Parts":
        """Parts with about these shares of the texts; equal confidences are in the same part."""
        descending = -np.sort(-confidence)
        places = [max(1, math.ceil(share * len(confidence) - 1e-9)) - 1 for share in shares]
        limits = sorted({float(descending[place]) for place in places}, reverse=True)
        part = np.searchsorted(-np.array(limits), -confidence, side="left")
        return cls(tuple(limits), part, rng.permutation(len(confidence)))

    @cached_property
    def orders(self) -> list[Rows]:
        """The texts of each part, in random order."""
        of_order = self.part[self.order]
        return [self.order[of_order <= number] for number in range(len(self.limits))]

    @property
    def sizes(self) -> list[int]:
        """How many texts are in each part."""
        return [len(order) for order in self.orders]


@dataclass(frozen=True)
class Standing:
    """What the labels say about a part."""

    right: int
    asked: int
    """Labels without a gap, from the first text of the part's order."""
    evidence: float
    """Logarithm of the evidence for the precision, as it is now."""
    best: float
    """The largest that it has been; what has once been certain stays certain."""
    against: float
    """Logarithm of the largest evidence that the precision is not reached."""


def standing(order: Rows, is_right: np.ndarray, precision: float) -> Standing:
    """What the labels say about a part.

    Args:
        order: the texts of the part, in random order.
        is_right: `(texts of the batch,)`: 1 right, 0 wrong, NaN without a label.
        precision: what is wanted.
    """
    known = is_right[order]
    unknown = np.isnan(known)
    asked = int(unknown.argmax()) if unknown.any() else len(known)
    right = np.cumsum(known[:asked])
    numbers = np.arange(1, asked + 1)
    evidence = log_evidence_for(right, numbers, len(order), precision)
    against = log_evidence_against(right, numbers, len(order), precision)
    last = (int(right[-1]), float(evidence[-1])) if asked else (0, 0.0)
    return Standing(
        last[0], asked, last[1], max(0.0, *evidence[-1:], evidence.max(initial=0.0)),
        against.max(initial=0.0),
    )  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Where a batch stands."""

    n_released: int
    """How many parts are certain: those before this number."""
    standings: list[Standing]
    """Of each part."""


def judge(parts: Parts, is_right: np.ndarray, goal: Goal) -> Verdict:
    """Which parts are certain to reach the precision, by the labels so far."""
    standings = [standing(order, is_right, goal.precision) for order in parts.orders]
    bars = _bars(len(standings), goal.error)
    *smaller, whole = standings
    n_sure = next((n for n, part in enumerate(smaller) if part.best < bars[0]), len(smaller))
    bar = math.log(1 / goal.error) if n_sure == len(smaller) else bars[-1]
    return Verdict(len(standings) if whole.best >= bar else n_sure, standings)


def next_texts(
    parts: Parts, is_right: np.ndarray, goal: Goal, fewest: int, most: int, left: int
) -> tuple[Rows, Verdict]:
    """The texts to label next; none if it is over.

    They belong to the largest part for which the labels still needed seem fewer than the texts that
    it would release, and than the labels that are left. They are so many that the part can just
    pass.

    Args:
        parts: of the batch.
        is_right: `(texts,)`: 1 right, 0 wrong, NaN without a label.
        goal: what is guaranteed. It holds whichever texts are chosen here.
        fewest: the fewest texts of a step, unless fewer labels are left.
        most: the most texts of a step.
        left: how many labels may still be asked for.
    """
    verdict, most = judge(parts, is_right, goal), min(most, left)
    target = _target(parts, verdict, goal, left)
    if target is None or most < 1:
        return np.empty(0, np.int64), verdict
    order, now = parts.orders[target], verdict.standings[target]
    bar = _bars(len(parts.limits), goal.error)[target]
    ahead = np.arange(1, most + 1)
    evidence = log_evidence_for(now.right + ahead, now.asked + ahead, len(order), goal.precision)
    passes = np.flatnonzero(evidence >= bar)
    n = int(ahead[passes[0]]) if len(passes) else most
    open_rows = order[np.isnan(is_right[order])]
    return open_rows[: min(max(n, fewest), most)], verdict


def _target(parts: Parts, verdict: Verdict, goal: Goal, left: int) -> int | None:
    """The part for which labels are worth most; None if no further label is worth it."""
    first, sizes = verdict.n_released, parts.sizes
    if first == len(sizes):
        return None
    released = sizes[first - 1] if first else 0
    bars = _bars(len(sizes), goal.error)
    lost = [part.against >= math.log(GIVEN_UP) for part in verdict.standings]
    for number in range(len(sizes) - 1, first - 1, -1):
        is_whole = number == len(sizes) - 1
        if lost[number] or (not is_whole and any(lost[first:number])):
            continue
        part = verdict.standings[number]
        if not is_whole and part.best >= bars[number]:
            return first  # only the smaller parts are missing
        needed = _labels_needed(part, bars[number], goal)
        if needed < sizes[number] - released and needed <= left:
            return number
    return None


def _labels_needed(part: Standing, bar: float, goal: Goal) -> float:
    """About how many labels the part still needs, if its precision is as in the labels so far."""
    share, least = (part.right + 1) / (part.asked + 1), goal.precision
    share = min(1.0, share + HOPE * math.sqrt(share * (1 - share) / (part.asked + 1)))
    if share <= least:
        return math.inf
    growth = share * math.log(share / least)
    if share < 1:
        growth += (1 - share) * math.log((1 - share) / (1 - least))
    return (bar - part.evidence) / growth


def _bars(n_parts: int, error: float) -> list[float]:
    """The logarithm of the evidence from which each part is certain by itself."""
    return [math.log((1 if n_parts == 1 else 2) / error)] * n_parts
