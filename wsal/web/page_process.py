"""The page's server in a process of its own, which shares nothing with training but the disk.

Training would otherwise delay answers: it holds Python's lock for long moments. The page goes when
the command ends, even if it is killed: then their connection ends, too.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from wsal.annotation.journal import JOURNAL_FILE, Journal
from wsal.errors import AnnotationError

LAST_POLL_SECONDS = 4.0  # that open pages have to learn that the run is over
POLLED_SECONDS = 10.0  # a page that asked within this time is open
PRIORITY = 10  # the `nice` of training, which steps back behind the page
READY, GOODBYE = b"1", ""
PROGRAM = "from wsal.web.page_process import main; main()"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the others are for training


@dataclass(frozen=True)
class PageSettings:
    """What the page serves, as plain values; see `Site`."""

    run_dir: str
    tokens: dict[str, str]
    guidelines: dict[str, str]
    blind: float
    overlap: float
    recheck: float
    lease_seconds: float
    early_until: int


@contextlib.contextmanager
def page_process(
    settings: PageSettings, listening: socket.socket
) -> Iterator[Callable[[str], None]]:
    """Serve until the block ends; the function that is yielded shows people why it is over.

    The socket is taken over. The page imports nothing from the present folder (`-P`), as it holds
    the user's own files. If people answer while this process trains, training steps back behind
    the page.

    Raises:
        AnnotationError: the page does not start; it has written why to standard error.
    """
    ours, its = socket.socketpair()
    descriptors = [its.fileno(), listening.fileno()]
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-c", PROGRAM, *map(str, descriptors)], stdin=subprocess.DEVNULL,
        pass_fds=descriptors,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **ONE_THREAD},
    )  # fmt: skip
    its.close()
    listening.close()
    ended = threading.Event()
    with ours:

        def send(line: object) -> None:
            with contextlib.suppress(OSError):  # the page was killed: nobody would see it
                ours.sendall(json.dumps(line).encode() + b"\n")

        try:
            send(asdict(settings))
            if not _is_ready(ours):
                raise AnnotationError("the page does not start; the message above says why")
            if settings.early_until:
                os.nice(max(0, PRIORITY - os.nice(0)))
            threading.Thread(target=_end_with, args=(process, ended), daemon=True).start()
            yield send
        finally:
            ended.set()
            send(GOODBYE)
            process.wait()


def _is_ready(page: socket.socket) -> bool:
    try:
        return page.recv(len(READY)) == READY
    except ConnectionResetError:  # it ended before it had read its settings
        return False


def _end_with(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """Interrupt the command if the page ends before it, since nobody could answer any more."""
    process.wait()
    if not ended.is_set():
        sys.stderr.write("the page has ended unexpectedly; run the same command to continue\n")
        interrupt_main()


def main() -> None:
    """The page's process: what it serves comes in the first line from the command.

    Each further line says why the run is over; an empty message is the last.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends the page
    from wsal.web.app import make_app  # noqa: PLC0415  slow to import
    from wsal.web.server import running  # noqa: PLC0415
    from wsal.web.site import Site  # noqa: PLC0415

    connection, listening = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    with connection.makefile() as command:
        settings = json.loads(command.readline())
        site = Site(**settings | {"run_dir": Path(settings["run_dir"])})
        journal = Journal(site.run_dir / JOURNAL_FILE)
        with journal.held(), running(make_app(site), listening):
            connection.sendall(READY)
            import_module("sklearn.linear_model")  # now, and not while people answer
            for line in command:
                message = json.loads(line)
                if message == GOODBYE:
                    _show_over(lambda: site.last_poll)
                    return
                site.over = message
            os._exit(1)  # the command was killed: at once, since its successor needs the port


def _show_over(last_poll: Callable[[], float]) -> None:
    """Wait until open pages have seen that it is over."""
    end = time.monotonic() + LAST_POLL_SECONDS
    while last_poll() > end - LAST_POLL_SECONDS - POLLED_SECONDS and time.monotonic() < end:
        time.sleep(0.1)
