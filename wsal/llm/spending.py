"""What calls cost, and what they may cost at most."""

from dataclasses import dataclass
from typing import Any

from wsal.llm.calls import content_of
from wsal.llm.questions import Prompt
from wsal.llm.settings import LLMSettings, Price

CHARACTERS_PER_TOKEN = 4  # of English, about
TOKENS_AROUND = 300  # most that a template adds to a prompt, and a repair to the faulty reply
UNIT = 1e-12  # money is added up in whole units, so that sums do not depend on their order


@dataclass(frozen=True)
class Spend:
    """Money, in units, and calls."""

    units: int = 0
    calls: int = 0

    def __add__(self, other: "Spend") -> "Spend":
        return Spend(self.units + other.units, self.calls + other.calls)

    def __sub__(self, other: "Spend") -> "Spend":
        return Spend(self.units - other.units, self.calls - other.calls)

    @classmethod
    def of(cls, costs: list[float]) -> "Spend":
        """What calls with these costs spent."""
        return cls(sum(round(cost / UNIT) for cost in costs), len(costs))

    def too_much(self, settings: LLMSettings) -> str:
        """Which limit this is beyond: "calls" or "budget"; empty if it may be spent."""
        if settings.calls is not None and self.calls > settings.calls:
            return "calls"
        over = settings.budget is not None and self.units > round(settings.budget / UNIT)
        return "budget" if over else ""


def cost_of(price: Price, input_tokens: int, output_tokens: int) -> float:
    """The price of some tokens."""
    return (input_tokens * price.input + output_tokens * price.output) / 1e6


def most(settings: LLMSettings, prompt: Prompt, n_calls: int) -> Spend:
    """The most that some calls with this prompt can cost, each with a repair of the one before.

    No token is shorter than a byte, and no reply longer than `max_tokens`.
    """
    size = sum(len(message["content"].encode()) for message in prompt.messages)
    tokens = size + TOKENS_AROUND + settings.max_tokens * (n_calls > 1)
    cost = cost_of(settings.price, tokens, settings.max_tokens)
    return Spend(n_calls * round(cost / UNIT), n_calls)


def why_stopped(spent: Spend, next_: Spend, settings: LLMSettings) -> str:
    """What to say where the budget does not suffice for the next text, and how to go on.

    What was spent so far is not named, because other stages may have spent more by the next time.
    """
    if (spent + next_).too_much(settings) == "calls":
        need, name, limit = f"{next_.calls} calls", "llm.calls", f"{settings.calls}"
    else:
        need, name, limit = f"{next_.units * UNIT:.4f}", "llm.budget", f"{settings.budget:g}"
    return (
        f"the next may need up to {need}, more than {name}={limit} leaves; to ask about the "
        f"others, run the same command with a larger {name}"
    )


def tokens_of(request: dict[str, Any], reply: dict[str, Any]) -> tuple[int, int, bool]:
    """Tokens sent and received as the server counts them, or else estimated from characters."""
    usage = reply.get("usage")
    if isinstance(usage, dict):
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if all(isinstance(count, int) and count >= 0 for count in counts):
            return int(counts[0] or 0), int(counts[1] or 0), False
    sent = sum(len(message["content"]) for message in request["messages"])
    return estimated_tokens(sent), estimated_tokens(len(content_of(reply))), True


def estimated_tokens(n_characters: int) -> int:
    """About as many tokens as some characters make.

    >>> estimated_tokens(401)
    101
    """
    return -(-n_characters // CHARACTERS_PER_TOKEN)
