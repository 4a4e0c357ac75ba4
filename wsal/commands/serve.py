"""`wsal serve`: an exported model answers over HTTP."""

import argparse
import asyncio
import os
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from wsal.errors import ConfigError
from wsal.serving.app import Limits, make_app
from wsal.serving.backends import BACKENDS, open_engine
from wsal.serving.exported import Exported
from wsal.sockets import LOOPBACK, listening_socket

TOKEN = "WSAL_TOKEN"  # noqa: S105  the name of a variable

ARRIVING = 0.25  # seconds for requests of connections that are open already


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `wsal serve` takes."""
    limits = Limits()
    parser.add_argument("model", type=Path, help="the exported folder")
    parser.add_argument("--host", default="127.0.0.1", help=f"others want a token in {TOKEN}")
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    parser.add_argument("--backend", default="auto", help=f"{', '.join(BACKENDS)}")
    parser.add_argument("--max-texts", type=int, default=limits.texts, help="in a request")
    parser.add_argument("--max-characters", type=int, default=limits.characters, help="in a text")
    parser.add_argument("--max-body", type=int, default=limits.body, help="bytes of a request")
    parser.add_argument(
        "--max-waiting", type=int, default=limits.waiting, help="texts not answered"
    )
    parser.add_argument("--timeout", type=float, default=limits.seconds, help="seconds")
    parser.add_argument(
        "--drain", type=float, default=1.0,
        help="seconds from SIGTERM on in which requests are still taken, and connections closed",
    )  # fmt: skip


def serve(options: argparse.Namespace) -> None:
    """Answer until SIGTERM or SIGINT; what was taken by then is answered first.

    Raises:
        ConfigError: the address cannot be had, or is not this machine's own and there is no token.
    """
    token = os.environ.get(TOKEN) or None
    if options.host not in LOOPBACK and not token:
        raise ConfigError(
            f"--host is {options.host}, where others could ask; set a token first, for example "
            f"export {TOKEN}=$(openssl rand -hex 24)"
        )
    exported = Exported.open(options.model)
    listening = listening_socket(options.host, options.port, "--port")
    limits = Limits(
        options.max_texts, options.max_characters, options.max_body, options.max_waiting,
        options.timeout,
    )  # fmt: skip
    engine = open_engine(exported, options.backend)
    engine.logits(exported.pieces(["a first text is slower than the others"]))
    app = make_app(engine, limits, token)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_keep_alive=75,
        timeout_graceful_shutdown=int(options.timeout) + 1,
    )  # fmt: skip
    listening.listen()  # so that the address can be used as soon as it is printed
    host, port = listening.getsockname()[:2]
    sys.stdout.write(
        f"{len(exported.labels)} classes by {engine.name} on http://{host}:{port}/predict, "
        f"described on http://{host}:{port}/docs; stop with Ctrl-C\n"
    )
    sys.stdout.flush()
    _Draining(config, options.drain).run(sockets=[listening])


class _Draining(uvicorn.Server):
    """Goes on for a while after it is told to stop, and asks each client to close its connection.

    Else a request that a client sends on an open connection while the server closes it is lost.
    """

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self.seconds = seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's
        """Drain; a second signal ends it at once."""
        state = self.config.app.state  # type: ignore[union-attr]
        if state.draining:
            self.should_exit = self.force_exit = True
            return
        state.draining = True
        threading.Timer(self.seconds, self._stop).start()

    def _stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that the kernel has accepted already; it would reset them else."""
        loop, kept = asyncio.get_running_loop(), [one.dup() for one in sockets or []]
        for server in self.servers:
            server.close()
        protocol: Any = self.config.http_protocol_class
        make = partial(
            protocol, config=self.config, server_state=self.server_state,
            app_state=self.lifespan.state,
        )  # fmt: skip
        last = [connection for one in kept for connection in _accepted(one)]
        for connection in last:
            await loop.connect_accepted_socket(make, connection)
        await asyncio.sleep(ARRIVING)
        await super().shutdown(sockets)


def _accepted(listening: socket.socket) -> list[socket.socket]:
    """The connections that wait on a socket; then it is closed."""
    listening.settimeout(0)
    found = []
    with listening, suppress(BlockingIOError):
        while True:
            found.append(listening.accept()[0])
    return found
