"""The bill: what people and a language model cost so far."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

LONGEST = 300.0  # seconds: a longer answer included a break


@dataclass(frozen=True)
class Bill:
    """What labels cost so far. Money is in the currency of `active.price_per_hour`."""

    answers: int = 0  # of people, skipped texts included
    seconds: float | None = None  # that they took; None: no answer was timed
    price_per_hour: float = 0.0  # of an annotator
    calls: int = 0  # of the language model
    input_tokens: int = 0
    output_tokens: int = 0
    llm: float = 0.0  # what its answers cost
    other_calls: int = 0  # that these answers do not need
    other_cost: float = 0.0

    @property
    def people(self) -> float | None:
        """What people cost; None if it is unknown."""
        seconds = 0.0 if self.seconds is None and not self.answers else self.seconds
        return cost_of(seconds, self.price_per_hour)

    @property
    def total(self) -> float:
        """What is known to be spent."""
        return round((self.people or 0.0) + self.llm + self.other_cost, 6)

    @property
    def has_money(self) -> bool:
        """Whether annotators have a price, or a language model was asked."""
        return bool(self.price_per_hour or self.calls or self.other_calls)

    def sentences(self) -> list[str]:
        """The bill in words; empty if there is neither a price nor a language model.

        >>> Bill(10, 60.0, 30.0, 4, 1200, 90, 0.25).sentences()
        ['people: 10 answers, 1.0 min, 0.50', 'language model: 4 calls, 1,200 tokens sent, \
90 received, 0.25', 'together: 0.75']
        """
        if not self.has_money:
            return []
        lines = [f"people: {self.answers:,} answers, {self._people()}"]
        if self.calls:
            tokens = f"{self.input_tokens:,} tokens sent, {self.output_tokens:,} received"
            lines.append(f"language model: {self.calls:,} calls, {tokens}, {amount(self.llm)}")
        if self.other_calls:
            lines.append(
                "language model, for reviews, suggested rules and answers that no longer count: "
                f"{self.other_calls:,} calls, {amount(self.other_cost)}"
            )
        at_least = "at least " if self.people is None else ""
        return [*lines, f"together: {at_least}{amount(self.total)}"]

    def with_all_calls(self, costs: Sequence[float]) -> "Bill":
        """The bill with the rest of the calls that were paid; `costs` are those of all calls.

        >>> bill = Bill(calls=2, llm=0.2).with_all_calls([0.1, 0.1, 0.3])
        >>> bill.other_calls, bill.total
        (1, 0.5)
        """
        others = max(len(costs) - self.calls, 0)
        rest = max(sum(costs) - self.llm, 0.0) if others else 0.0
        return replace(self, other_calls=others, other_cost=round(rest, 9))

    def facts(self) -> dict[str, Any]:
        """The bill as summary.json has it."""
        return {**asdict(self), "people": self.people, "total": self.total}

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "Bill":
        """The bill that `facts` returned."""
        return cls(**{field.name: facts[field.name] for field in fields(cls)})

    def _people(self) -> str:
        if self.people is None or self.seconds is None:
            return "no time known" if self.answers else amount(0.0)
        minutes = f"{self.seconds / 60:.1f} min"
        if not self.price_per_hour:
            return f"{minutes}, not priced (active.price_per_hour)"
        return f"{minutes}, {amount(self.people)}"


def bill_of(facts: Mapping[str, Any], price_per_hour: float) -> Bill:
    """The bill after a round.

    `facts` are those of the stage `assess`, or of `ask` before the first round. They do not hold
    what people cost, so a price that is set or changed later applies to all rounds.
    """
    llm = facts.get("llm", {})
    counts = {name: llm.get(name, 0) for name in ("calls", "input_tokens", "output_tokens")}
    answers = facts.get("n_answers", facts.get("n_gold", 0) + facts.get("n_evaluation", 0))
    seconds = facts.get("seconds")
    return Bill(answers, seconds, price_per_hour, **counts, llm=llm.get("cost", 0.0))


def amount(money: float) -> str:
    """A sum of money in digits, with more decimals where it is small.

    >>> amount(1234.5), amount(0.00042)
    ('1,234.50', '0.0004')
    """
    return f"{money:,.2f}" if not money or money >= 0.1 else f"{money:.4f}"


def time_spent(*kinds: Sequence[float | None]) -> float | None:
    """Seconds that all answers to these kinds of questions took together.

    An unknown time counts as the median of the others of its kind. None if no time is known.

    >>> time_spent([4.0, None, 1000.0, 6.0])
    316.0
    >>> time_spent([4.0, 4.0], [2.0, None])
    12.0
    """
    total: float | None = None
    for seconds in kinds:
        if times := [min(float(time), LONGEST) for time in seconds if time is not None]:
            unknown = float(np.median(times)) * (len(seconds) - len(times))
            total = (total or 0.0) + sum(times) + unknown
    return None if total is None else round(total, 1)


def cost_of(seconds: float | None, price_per_hour: float) -> float | None:
    """What so many seconds of annotators cost; None if the time is unknown.

    >>> cost_of(1800, 30.0)
    15.0
    """
    return None if seconds is None else round(seconds / 3600 * price_per_hour, 2)
