"""The page's server, in a thread, and who may use it."""

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from wsal.json_files import write_json


def tokens_of(run_dir: Path, people: Sequence[str]) -> dict[str, str]:
    """Token -> name, kept in a file that only its owner can read.

    Tokens stay the same after a restart, so that open pages go on working.
    """
    path = run_dir / "web.json"
    earlier: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    by_name = {name: token for token, name in earlier.items()}
    tokens = {by_name.get(name) or secrets.token_urlsafe(24): name for name in people or ("",)}
    write_json(path, tokens)
    os.chmod(path, 0o600)  # noqa: PTH101
    return tokens


@contextlib.contextmanager
def running(app: object, listening: socket.socket) -> Iterator[None]:
    """Serve until the block ends; requests that were accepted are still answered."""
    import uvicorn  # noqa: PLC0415

    config = uvicorn.Config(app, log_level="warning", access_log=False)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # seconds; at the default of 0.005, other threads delay requests
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        sys.setswitchinterval(interval)
