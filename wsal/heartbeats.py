"""Notice the loss of another training process when no connection reports it.

When a process is killed, its connections close, and the processes that wait for it fail at once. A
machine that loses its power or its network closes nothing, and the others would wait for days. So
each process counts in the store of torchrun as long as it lives, and watches the others' counts.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

SECONDS = 5.0  # between two beats
JOIN_SECONDS = 10.0  # a store on a lost machine does not answer
LOST_AFTER = 120.0
"""Seconds without a beat after which a process counts as lost. A library may keep Python's lock,
and with it the thread that beats, for some seconds, but not for minutes."""


@contextmanager
def watching(store: Any, rank: int, count: int) -> Iterator[None]:  # noqa: ANN401  a torch Store
    """Until the block ends, beat, and end this process with status 1 once another one is lost.

    It also ends if torchrun's own process on this machine has been killed: torchrun starts
    another one in its place, and the two must not write the same files.
    """
    store.set(_key(rank), "0")  # before any process reads it, as reading waits
    over = threading.Event()
    arguments = (store.clone(), rank, count, over)
    thread = threading.Thread(target=_watch, args=arguments, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        # Python aborts the process if it exits while a thread waits inside the store's C++ code
        thread.join(JOIN_SECONDS)


def _watch(store: Any, rank: int, count: int, over: threading.Event) -> None:  # noqa: ANN401
    parent = os.getppid()
    keys = [_key(number) for number in range(count)]
    beats: list[bytes] = [b""] * count
    last = [time.monotonic()] * count
    number = 0
    while not over.wait(SECONDS):
        number += 1
        try:
            store.set(keys[rank], str(number))
            now = store.multi_get(keys)
        except RuntimeError as error:
            if not over.is_set():
                _end(f"the store of torchrun cannot be reached ({error})")
            return
        for other in range(count):
            if now[other] != beats[other]:
                beats[other], last[other] = now[other], time.monotonic()
            elif time.monotonic() - last[other] > LOST_AFTER and not over.is_set():
                _end(f"process {other} of {count} sent no heartbeat for {LOST_AFTER:.0f} seconds")
        if "TORCHELASTIC_RUN_ID" in os.environ and os.getppid() != parent:
            _end("torchrun was killed")


def _key(rank: int) -> str:
    return f"wsal/heartbeat/{rank}"


def _end(why: str) -> NoReturn:
    """End at once, even if the main thread waits inside a library."""
    sys.stderr.write(
        f"error: {why}; run the same command again to continue from the last checkpoint\n"
    )
    sys.stderr.flush()
    os._exit(1)
