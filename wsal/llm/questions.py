"""What a language model is asked, and what came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Question:
    """Which class is a text? "None of these" is always offered, too."""

    text: str
    options: tuple[str, ...]  # names of classes, in the order of the pool's classes
    descriptions: Mapping[str, str] = field(default_factory=dict)  # class -> what belongs there
    examples: tuple[tuple[str, str], ...] = ()  # texts with a gold label, and their classes


@dataclass(frozen=True)
class Answer:
    """A validated answer. `confidence` is the model's own: no probability before calibration."""

    label: str | None  # a class; None: none of these, or no valid answer
    confidence: float  # in [0, 1]
    source: Literal["logprobs", "samples", "stated"]  # what the confidence is made of
    status: Literal["class", "none of these", "doubted", "invalid"]
    """`doubted`: the second question was answered with no; `invalid`: also after a repair."""
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float  # of all its calls when they were made; a cached answer keeps its cost


@dataclass(frozen=True)
class Answers:
    """Answers to the first questions, in their order."""

    answers: list[Answer]
    stopped: str = ""  # why the other questions were not asked (the budget); empty: all were


@dataclass(frozen=True)
class Prompt:
    """A call whose reply is JSON."""

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, object]  # JSON schema of the reply
    n_logprobs: int = 0  # alternatives of each token to ask for
    sample: int = 0  # number of the sample, from 0


@dataclass(frozen=True)
class Reply:
    """What a server sent back for a prompt, perhaps long ago."""

    content: str
    logprobs: tuple[Mapping[str, object], ...] = ()  # as the server lists them, token by token
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    cached: bool = False
    refused: bool = False
    """The server or the model declines to answer this text; asking again would not help."""
