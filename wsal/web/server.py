"""The server in a thread of its own: it outlives a round, and goes when the command ends."""

import contextlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from wsal.artifacts import write_json

LAST_LOOK = 4.0  # seconds that open pages have to learn that the run is over


def tokens_of(run_dir: Path, people: Sequence[str]) -> dict[str, str]:
    """Token -> name; the same after a restart, so that open pages go on. The file is private."""
    place = run_dir / "web.json"
    known: dict[str, str] = {}
    if place.exists():
        import json  # noqa: PLC0415

        known = json.loads(place.read_text())
    by_name = {name: token for token, name in known.items()}
    tokens = {by_name.get(name) or secrets.token_urlsafe(24): name for name in people or ("",)}
    write_json(place, tokens)
    os.chmod(place, 0o600)  # noqa: PTH101
    return tokens


@contextlib.contextmanager
def running(app: object, listening: socket.socket) -> Iterator[None]:
    """Serve until the block ends; requests that were accepted are answered first."""
    import uvicorn  # noqa: PLC0415

    config = uvicorn.Config(app, log_level="warning", access_log=False)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # a request waits for no more of what computes beside it
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        sys.setswitchinterval(before)
