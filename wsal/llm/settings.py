"""Settings of the language model: the config group `llm`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from wsal.settings import Amount, Count, Positive, Rate


@dataclass(frozen=True)
class Price:
    """Price of a million tokens, in the currency of `active.price_per_hour`."""

    input: Amount = 0.0
    """Of a million tokens sent."""
    output: Amount = 0.0
    """Of a million tokens received, reasoning included."""


@dataclass(frozen=True)
class LLMSettings:
    """A language model that labels texts. Nothing is sent anywhere while `url` is null."""

    url: str | None = None
    """Address of an OpenAI-compatible server, up to and including `/v1`; null: no language model.
    A host other than this machine also needs `remote=true`."""
    model: str | None = None
    """The model's name on that server."""
    remote: bool = False
    """Texts may be sent to a host other than this machine."""
    key_variable: str | None = None
    """Name of the environment variable that holds the key; null: no key is sent. The key itself is
    never written anywhere."""
    fields: tuple[str, ...] | None = None
    """Fields of a record that may be sent; null: the text that the classifier reads."""
    guidelines: str | None = None
    """A YAML file from class to what belongs there, as on the annotation page; sent with the
    classes."""
    texts: Count = 1_000
    """Texts of the pool that the language model votes on beside the rules; 0: it does not vote."""
    price: Price = field(default_factory=Price)
    """What tokens cost."""
    budget: Amount | None = None
    """Most money that all calls of a run may cost; null: no limit. A stage that reaches it keeps its
    answers, and the run goes on with them."""
    calls: Count | None = None
    """Most calls of a run; null: no limit."""
    parallel: Positive = 8
    """Calls in flight at once."""
    timeout_seconds: Rate = 60.0
    """Seconds to wait for a reply before the call is tried again."""
    retries: Count = 6
    """How often a call is tried again after a time-out, a dropped connection, 429 or 5xx."""
    samples: Positive = 1
    """Replies asked for each text. With more than one, confidence is the share that agrees."""
    temperature: Amount | None = None
    """Sampling temperature; null: 0, or 0.7 with several samples."""
    max_tokens: Positive = 400
    """Most tokens of a reply."""
    options: Annotated[int, Field(ge=2)] = 100
    """Most classes offered with a text; of more, those nearest to the text are chosen."""
    examples: Count = 3
    """Most gold texts shown as examples: those most similar to the text, where there are any."""
    questions: Literal[1, 2] = 1
    """2: after "which class?" a second call asks "is it really that class?"; a no abstains."""
    NOT_IN_DIGEST: ClassVar = ("price", "parallel", "timeout_seconds", "retries", "url", "remote", "key_variable")
    """Settings that may change without making answers stale."""

    def content(self) -> Mapping[str, str]:
        """The digest of the guidelines."""
        raise NotImplementedError
