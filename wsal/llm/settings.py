"""Settings of the language model: the config group `llm`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from wsal.errors import ConfigError
from wsal.guidelines import check_guidelines, guidelines_content, read_guidelines
from wsal.settings import Amount, Count, Positive, Rate
from wsal.sockets import LOOPBACK

CACHE_FILE = "llm.sqlite"  # in the run folder: every call and its reply


@dataclass(frozen=True)
class Price:
    """Price of a million tokens, in the currency of `active.price_per_hour`."""

    input: Amount = 0.0
    """Price of a million tokens sent."""
    output: Amount = 0.0
    """Price of a million tokens received, reasoning included."""


@dataclass(frozen=True)
class LLMSettings:
    """A language model that labels texts. Nothing is sent anywhere while `url` is null.

    Raises:
        ConfigError: the address or the model is missing or not valid; the address is not on this
            machine, and `remote` is off; there is a budget and no price; or `key_variable` cannot
            be the name of an environment variable.
    """

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
    """Most money that all calls of a run may cost; null: no limit. A text is asked only if the rest
    suffices for all calls that it may need. A stage that reaches the limit keeps its answers, and
    the run goes on with them."""
    calls: Count | None = None
    """Most calls of a run; null: no limit. A text may need several: see `samples` and `questions`;
    each of these may be repeated once if the reply is not valid."""
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
    """Most tokens of a reply. Models that reason before they reply need several thousand."""
    options: Annotated[int, Field(ge=2)] = 100
    """Most classes offered with a text; of more, those nearest to the text are chosen."""
    examples: Count = 3
    """Most gold texts shown as examples: those most similar to the text, where there are any."""
    questions: Literal[1, 2] = 1
    """2: after "which class?" a second call asks "is it really that class?"; a no abstains."""
    epochs: Count = 8
    """Passes over the answered texts, with a few sure weak labels of each class that has fewer than
    5 answers, after training on all weak labels; 0: off. Answers are better than votes, and a
    hundred times fewer, so they would be lost among them."""
    lr: Rate = 5e-4
    """Largest learning rate in these passes."""
    NOT_IN_DIGEST: ClassVar = (
        "price", "parallel", "timeout_seconds", "retries", "url", "remote", "key_variable"
    )  # fmt: skip
    """Settings that may change without making answers stale."""

    def __post_init__(self) -> None:
        if self.key_variable is not None and not self.key_variable.isidentifier():
            raise ConfigError(
                "llm.key_variable is not the name of an environment variable; set one to the key, "
                "and give its name here, as in llm.key_variable=OPENAI_API_KEY (settings are "
                "recorded in the run, so the key itself must not be among them)"
            )
        if self.url is None:
            return
        _check_url(self.url)
        if not self.model:
            raise ConfigError(f"llm.url={self.url} has no model; give llm.model=NAME")
        if not self.remote and not self.on_this_machine:
            raise ConfigError(
                f"llm.url={self.url} is not on this machine, so texts would leave it; if they may, "
                "give llm.remote=true"
            )
        if self.budget is not None and not (self.price.input or self.price.output):
            raise ConfigError(
                f"llm.budget={self.budget:g} cannot be kept without prices; give what a million "
                "tokens cost: llm.price.input=... llm.price.output=..."
            )

    @property
    def on_this_machine(self) -> bool:
        """Whether the server's host is this machine."""
        host = urlsplit(self.url or "").hostname or ""
        try:
            return host in LOOPBACK or ip_address(host).is_loopback
        except ValueError:  # a name
            return False

    def content(self) -> Mapping[str, str]:
        """The digest of the guidelines."""
        return guidelines_content(self.guidelines)

    def descriptions(self) -> dict[str, str]:
        """Class -> what belongs there, from the guidelines.

        Raises:
            ConfigError: the file cannot be read, or is not a mapping.
        """
        return read_guidelines(self.guidelines, "llm.guidelines")

    def key(self) -> str | None:
        """The key from the environment; None if none is to be sent.

        Raises:
            ConfigError: the variable is not set, or holds what cannot be a key.
        """
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise ConfigError(
                f"llm.key_variable={self.key_variable}: this environment variable is not set; set "
                "it to the server's key, or give llm.key_variable=null if it needs none"
            )
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ConfigError(
                f"the environment variable {self.key_variable} does not hold a key: it has spaces "
                "or characters that keys do not have"
            )
        return key


def check_ready(settings: LLMSettings, run_dir: Path) -> None:
    """Check, before hours of work, what calls will need: the guidelines and the key.

    A run that has answers already may need no more of them, so it needs no key to begin.

    Raises:
        ConfigError: the file of guidelines is not there, or the key's variable is not set.
    """
    if settings.url is not None:
        check_guidelines(settings.guidelines, "llm.guidelines")
        settings.descriptions()
        if not (run_dir / CACHE_FILE).exists():
            settings.key()


def _check_url(url: str) -> None:
    """Refuse what is not the address of a server, and keys in addresses: these are recorded."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # the port is not a number
        parts, valid = urlsplit(""), False
    if not valid:
        raise ConfigError(
            f"llm.url is {url!r}; expected an address such as http://127.0.0.1:8080/v1"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "llm.url has a user, a password or parameters; addresses are recorded in the run, so "
            "give the key in an environment variable: llm.key_variable=NAME"
        )
