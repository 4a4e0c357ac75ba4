"""`annotator=web`: people answer on a page, which stays while rounds come and go."""

import contextlib
import time
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal.annotation.annotators import Query
from wsal.annotation.guidelines import check_guidelines, guidelines_content
from wsal.errors import ConfigError
from wsal.settings import Amount, Count, Share
from wsal.sockets import LOOPBACK, listening_socket, reachable_host

PAUSE = 0.3  # seconds between two looks at the journal


@dataclass(frozen=True)
class Web:
    """A page on this machine. With another host, `people` must be named: each gets a token."""

    host: str = "127.0.0.1"
    port: Count = 8765
    """0 takes any free port."""
    browser: bool = True
    """Whether to open the page in a browser."""
    people: tuple[str, ...] = ()
    """Who may answer, each by a token of their own; none: whoever has the one token."""
    guidelines: str | None = None
    """A YAML file from class to what belongs there, shown beside the classes."""
    blind: Share = 0.15
    """Share of texts on which guess and votes cannot be shown."""
    overlap: Share = 0.0
    """Share of texts that two people answer."""
    again: Share = 0.0
    """Share of texts that a person is asked a second time."""
    lease_seconds: Amount = 300.0
    """How long a text that somebody has on the screen is kept from others."""

    human = True

    def __post_init__(self) -> None:
        check_guidelines(self.guidelines)
        if self.host not in LOOPBACK and not self.people:
            raise ConfigError(
                f"annotator.host={self.host} opens the page to a network: name who may answer, "
                "annotator.people=[ann,bob]; each gets an address with a token"
            )

    def content(self) -> Mapping[str, str]:
        """The digest of the guidelines; answers that were given by older ones are kept."""
        return guidelines_content(self.guidelines)

    def annotate(self, query: Query, rng: np.random.Generator) -> pl.DataFrame:  # noqa: ARG002
        """The answers of the journal, once every text is decided or the round was ended."""
        from wsal.annotation.collect import collected_answers, queue_of  # noqa: PLC0415

        desk = queue_of(query, self.blind, self.overlap, self.again)
        desk.refresh()
        while not desk.finished():
            time.sleep(PAUSE)
            desk.refresh()
        return collected_answers(desk, query)

    @contextlib.contextmanager
    def serving(self, run_dir: Path) -> Iterator[None]:
        """Keep the page up while a command works on the run."""
        from wsal.annotation.guidelines import read_guidelines  # noqa: PLC0415
        from wsal.run import stage_lines  # noqa: PLC0415
        from wsal.web.app import make_app  # noqa: PLC0415
        from wsal.web.server import LAST_LOOK, running, tokens_of  # noqa: PLC0415
        from wsal.web.site import Site  # noqa: PLC0415

        tokens = tokens_of(run_dir, self.people)
        told = read_guidelines(self.guidelines)
        site = Site(run_dir, tokens, told, self.blind, self.overlap, self.again, self.lease_seconds)
        listening = listening_socket(self.host, self.port, "annotator.port=")
        port = listening.getsockname()[1]
        host = reachable_host(self.host)
        addresses = [f"http://{host}:{port}/?token={token}" for token in tokens]
        with running(make_app(site), listening):
            for address, name in zip(addresses, tokens.values(), strict=True):
                stage_lines.print_line(f"annotate at {address}" + (f"  ({name})" if name else ""))
            if self.browser:
                webbrowser.open(addresses[0])
            try:
                yield
                site.over = "The run is complete."
            finally:
                site.over = site.over or "wsal stopped; the same command goes on."
                end = time.monotonic() + LAST_LOOK
                while site.polled > end - LAST_LOOK - 10 and time.monotonic() < end:
                    time.sleep(0.1)
