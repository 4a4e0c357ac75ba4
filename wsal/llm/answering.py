"""An answer to one question, by as many calls as it takes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from wsal.llm.confidence import token_probability
from wsal.llm.prompts import NONE, Choice, is_it_really, repaired, which_class
from wsal.llm.questions import Answer, Prompt, Question, Reply
from wsal.llm.reading import Fault, Valid, read_choice
from wsal.llm.settings import LLMSettings

Complete = Callable[[Prompt], Reply]


@dataclass
class Metered:
    """Counts the replies to one question."""

    complete: Complete
    replies: list[Reply] = field(default_factory=list)

    def __call__(self, prompt: Prompt) -> Reply:
        """The reply to a prompt."""
        self.replies.append(self.complete(prompt))
        return self.replies[-1]


def answer(question: Question, settings: LLMSettings, complete: Complete) -> Answer:
    """The answer to a question: its samples, repairs, and the second question."""
    metered = Metered(complete)
    label, confidence, source = _first(question, settings, metered)
    status: Literal["class", "none of these", "doubted", "invalid"] = "class"
    if label is None:
        status = "invalid"
    elif label == NONE:
        label, status = None, "none of these"
    elif settings.questions == 2:
        choice = is_it_really(question, label)
        second = _valid(choice, metered)
        if second is None or second[0].code != "yes":
            label, status = None, "doubted" if second else "invalid"
    return Answer(
        label, confidence, source, status, len(metered.replies),
        sum(reply.input_tokens for reply in metered.replies),
        sum(reply.output_tokens for reply in metered.replies),
        sum(reply.cost for reply in metered.replies),
    )  # fmt: skip


def most_calls(settings: LLMSettings) -> int:
    """How many calls an answer takes at most: each may be repaired once."""
    return 2 * (settings.samples + settings.questions - 1)


def _first(
    question: Question, settings: LLMSettings, complete: Complete
) -> tuple[str | None, float, Literal["logprobs", "samples", "stated"]]:
    """A class, `NONE` or None (no valid reply), its confidence, and what that is made of."""
    samples: list[str] = []
    for sample in range(settings.samples):
        choice = which_class(question, sample)
        if valid := _valid(choice, complete):
            read, reply = valid
            samples.append(choice.codes[read.code])
            if settings.samples == 1:
                share = token_probability(reply.logprobs, read.code, choice.codes)
                if share is not None:
                    return samples[0], share, "logprobs"
                return samples[0], read.stated, "stated"
    source: Literal["samples", "stated"] = "samples" if settings.samples > 1 else "stated"
    if not samples:
        return None, 0.0, source
    [(label, n)] = Counter(samples).most_common(1)  # of equally frequent ones, the first
    return label, n / settings.samples, source


def _valid(choice: Choice, complete: Complete) -> tuple[Valid, Reply] | None:
    """A valid reply, if need be to a second prompt that says what is wrong with the first."""
    reply = complete(choice.prompt)
    if reply.refused:
        return None
    read = read_choice(reply.content, choice.codes)
    if isinstance(read, Fault):
        reply = complete(repaired(choice.prompt, reply.content, read.reason))
        read = read_choice(reply.content, choice.codes)
    return None if isinstance(read, Fault) or reply.refused else (read, reply)
