"""Keys of a terminal, one at a time."""

import codecs
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wsal.errors import AnnotationError

Read = Callable[[], str]


@contextmanager
def keys() -> Iterator[Read]:
    """A function that waits for one key."""
    import termios  # noqa: PLC0415  not on Windows
    import tty  # noqa: PLC0415

    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin)  # Ctrl-C still interrupts
        yield lambda: one_key(lambda: os.read(stdin, 1))
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)


def one_key(next_byte: Callable[[], bytes]) -> str:
    r"""One character of UTF-8, however many bytes it has.

    Raises:
        AnnotationError: no further byte will come.

    >>> typed = iter([b"\xc3", b"\xbc", b"r"])
    >>> one_key(lambda: next(typed)), one_key(lambda: next(typed))
    ('ü', 'r')
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    while byte := next_byte():
        if key := decoder.decode(byte):
            return key
    raise AnnotationError(
        "the terminal was closed; the answers so far are kept: run the same command again"
    )
