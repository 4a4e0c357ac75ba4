r"""Serve an exported model over HTTP: a page to try it on, /predict, /health, /metrics, /docs.

  wsal serve runs/shop/exported --port 8000
  curl -d '{"text": "a product title"}' -H 'content-type: application/json' \
    http://127.0.0.1:8000/predict

On SIGTERM it stops taking connections and finishes the requests it has received.
"""

import argparse
import asyncio
import os
import socket
import sqlite3
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from wsal.errors import ConfigError
from wsal.extras import require
from wsal.serving.backends import BACKENDS, open_engine
from wsal.serving.exported import Exported
from wsal.serving.harvest import MOST, Harvest
from wsal.serving.limits import Limits
from wsal.serving.multilabel import refuse_sets
from wsal.serving.recorder import Recorder
from wsal.sockets import LOOPBACK, listening_socket

TOKEN = "WSAL_TOKEN"  # noqa: S105  the name of a variable
ARRIVING = 0.25  # seconds to wait for requests on open connections


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal serve`."""
    limits = Limits()
    parser.add_argument("model", type=Path, help="an exported folder, such as runs/NAME/exported")
    host = f"the address to listen on; one that others can reach needs a token in {TOKEN}"
    parser.add_argument("--host", default="127.0.0.1", help=f"{host} (default: %(default)s)")
    backends = f"{', '.join(BACKENDS)} (default: the fastest on this machine)"
    parser.add_argument("--backend", default="auto", help=backends)
    drain = "seconds after SIGTERM to keep serving open connections, while asking clients to close"
    for name, default, meaning in (
        ("--port", 8000, "0 for any free port"),
        ("--max-texts", limits.texts, "the most texts in a request"),
        ("--max-characters", limits.characters, "the most characters in a text"),
        ("--max-body", limits.body, "the most bytes in a request"),
        ("--max-waiting", limits.waiting, "the most texts that may wait for an answer"),
        ("--timeout", limits.seconds, "seconds after which a request is given up"),
        ("--drain", 1.0, drain),
    ):
        help_ = f"{meaning} (default: {default:,})"
        parser.add_argument(name, type=type(default), default=default, metavar="N", help=help_)
    summaries = "write summaries of texts and labels, without any text, here, for `wsal drift`"
    parser.add_argument("--summaries", type=Path, metavar="FOLDER", help=summaries)
    hours = "hours after which a new summary is begun (default: 24)"
    parser.add_argument("--summary-hours", type=float, default=24.0, metavar="N", help=hours)
    harvest = (
        "store uncertain texts in this folder, which only you can read, for `wsal harvest` "
        "(default: no text is stored)"
    )
    parser.add_argument("--harvest", type=Path, metavar="FOLDER", help=harvest)
    most = f"the most texts to store; the least sure are kept (default: {MOST:,})"
    parser.add_argument("--harvest-most", type=int, default=MOST, metavar="N", help=most)


def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT; requests received by then are answered first.

    Raises:
        ConfigError: the address cannot be used, or others can reach it and there is no token.
    """
    require("prometheus_client", extra="serve", why="wsal serve")
    from wsal.serving.app import make_app  # noqa: PLC0415  needs the extra

    token = os.environ.get(TOKEN) or None
    if options.host not in LOOPBACK and not token:
        raise ConfigError(
            f"--host is {options.host}, which others can reach; set a token first, for example: "
            f"export {TOKEN}=$(openssl rand -hex 24)"
        )
    exported = Exported.open(options.model)
    recorder = _recorder(options, exported)
    listening = listening_socket(options.host, options.port, "--port")
    limits = Limits(
        options.max_texts,
        options.max_characters,
        options.max_body,
        options.max_waiting,
        options.timeout,
    )
    engine = open_engine(exported, options.backend)
    engine.logits(exported.pieces(["the first text is slower than all others"]))
    app = make_app(engine, limits, token, recorder)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(options.timeout) + 1,
    )
    listening.listen()  # so that the address can be used as soon as it is printed
    host, port = listening.getsockname()[:2]
    sys.stdout.write(
        f"serving {len(exported.labels)} classes with {engine.name} on "
        f"http://{host}:{port}/predict\n"
        f"try it on http://{host}:{port}/ or read http://{host}:{port}/docs\n"
        "press Ctrl-C to stop\n"
    )
    sys.stdout.flush()
    _Draining(config, options.drain).run(sockets=[listening])


def _recorder(options: argparse.Namespace, exported: Exported) -> Recorder | None:
    """What keeps summaries or texts; None by default."""
    if not (options.summaries or options.harvest):
        return None
    refuse_sets(exported, "--summaries or --harvest")
    if options.summary_hours <= 0:
        raise ConfigError(f"--summary-hours is {options.summary_hours:g}; expected more than 0")
    if options.harvest_most < 1:
        raise ConfigError(f"--harvest-most is {options.harvest_most}; expected 1 or more")
    harvest = Harvest(options.harvest, options.harvest_most) if options.harvest else None
    try:
        if options.summaries:
            options.summaries.mkdir(parents=True, exist_ok=True)
        if harvest:
            harvest.prepare()
    except (OSError, sqlite3.Error) as error:
        place = options.harvest or options.summaries
        raise ConfigError(f"{place} cannot be written to: {error}; name another folder") from error
    return Recorder(exported, options.summaries, options.summary_hours, harvest)


class _Draining(uvicorn.Server):
    """Goes on for a while after the signal to stop, and asks clients to close their connections.

    Otherwise a request sent on an open connection, while the server closes it, would be lost.
    """

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self.seconds = seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's
        """Start to drain; a second signal stops the server at once."""
        state = self.config.app.state  # type: ignore[union-attr]
        if state.draining:
            self.should_exit = self.force_exit = True
            return
        state.draining = True
        threading.Timer(self.seconds, self._stop).start()

    def _stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that the kernel has already accepted; else it would reset them."""
        loop = asyncio.get_running_loop()
        kept = [listening.dup() for listening in sockets or []]
        for server in self.servers:
            server.close()
        protocol: Any = self.config.http_protocol_class
        make = partial(
            protocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for listening in kept:
            for connection in _accepted(listening):
                await loop.connect_accepted_socket(make, connection)
        await asyncio.sleep(ARRIVING)
        await super().shutdown(sockets)


def _accepted(listening: socket.socket) -> list[socket.socket]:
    """The connections that wait on a socket, which is closed."""
    listening.settimeout(0)
    connections = []
    with listening, suppress(BlockingIOError):
        while True:
            connections.append(listening.accept()[0])
    return connections
