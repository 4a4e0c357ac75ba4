"""`annotator=web`: people answer on a page that stays open from round to round."""

import contextlib
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal.annotation.query import Query
from wsal.errors import ConfigError
from wsal.guidelines import check_guidelines, guidelines_content
from wsal.settings import Amount, Count, Share
from wsal.sockets import LOOPBACK, listening_socket, reachable_host

POLL_SECONDS = 0.3  # between two looks at the journal


@dataclass(frozen=True)
class Web:
    """A page on this machine. With another host, `people` must be named: each gets a token.

    Raises:
        ConfigError: the guidelines do not exist, or the host is public and nobody is named.
    """

    host: str = "127.0.0.1"
    """Address that the page is served on; any other than this machine's own requires `people`."""
    port: Count = 8765
    """0 takes any free port."""
    browser: bool = True
    """Whether to open the page in a browser."""
    people: tuple[str, ...] = ()
    """Who may answer, each with a token of their own; empty: whoever has the one token."""
    guidelines: str | None = None
    """A YAML file from class to what belongs there, shown beside the classes."""
    blind: Share = 0.15
    """Share of texts on which guess and votes cannot be shown."""
    overlap: Share = 0.0
    """Share of texts that two people answer."""
    recheck: Share = 0.0
    """Share of texts that a person is asked a second time, to measure how consistent they are."""
    lease_seconds: Amount = 300.0
    """How long a text on somebody's screen is kept from others."""

    human = True
    keeps_journal = True
    asks = ("text", "word", "class", "group")

    def __post_init__(self) -> None:
        check_guidelines(self.guidelines)
        if self.host not in LOOPBACK and not self.people:
            raise ConfigError(
                f"annotator.host={self.host} opens the page to a network: name who may answer, "
                "annotator.people=[ann,bob]; each gets an address with a token"
            )

    def content(self) -> Mapping[str, str]:
        """The digest of the guidelines; answers given under older ones are kept."""
        return guidelines_content(self.guidelines)

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The answers in the journal, once every text is decided or the round was ended."""
        from wsal.annotation.collect import collected_answers, open_queue  # noqa: PLC0415

        queue = open_queue(query, self.blind, self.overlap, self.recheck)
        queue.refresh()
        while not queue.finished():
            time.sleep(POLL_SECONDS)
            queue.refresh()
        queue.close()
        return collected_answers(queue, query)

    @contextlib.contextmanager
    def serving(self, run_dir: Path, early_until: int) -> Iterator[Callable[[str], None]]:
        """Keep the page up while a command works on the run.

        People answer early for rounds up to `early_until`. The function that is yielded tells them
        that nothing more is asked, and why.
        """
        from wsal.guidelines import read_guidelines  # noqa: PLC0415
        from wsal.run import stage_lines  # noqa: PLC0415
        from wsal.web.page_process import PageSettings, page_process  # noqa: PLC0415
        from wsal.web.server import tokens_of  # noqa: PLC0415

        tokens = tokens_of(run_dir, self.people)
        settings = PageSettings(
            str(run_dir), tokens, read_guidelines(self.guidelines), self.blind, self.overlap,
            self.recheck, self.lease_seconds, early_until,
        )  # fmt: skip
        listening = listening_socket(self.host, self.port, "annotator.port=")
        port = listening.getsockname()[1]
        host = reachable_host(self.host)
        addresses = [f"http://{host}:{port}/?token={token}" for token in tokens]
        with page_process(settings, listening) as say_over:
            for address, name in zip(addresses, tokens.values(), strict=True):
                stage_lines.print_line(f"annotate at {address}" + (f"  ({name})" if name else ""))
            if self.browser:
                webbrowser.open(addresses[0])
            try:
                yield say_over
            except BaseException:
                say_over("wsal has stopped; run the same command to continue.")
                raise
            say_over("The run is complete.")
