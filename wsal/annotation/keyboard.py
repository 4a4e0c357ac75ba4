"""Keys of a terminal, one at a time."""

import codecs
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wsal.errors import AnnotationError

ReadKey = Callable[[], str]


@contextmanager
def keys() -> Iterator[ReadKey]:
    """A function that waits for one key press on standard input."""
    import termios  # noqa: PLC0415  not on Windows
    import tty  # noqa: PLC0415

    stdin = sys.stdin.fileno()
    settings = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin)  # Ctrl-C still interrupts
        yield lambda: read_character(lambda: os.read(stdin, 1))
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, settings)


def read_character(next_byte: Callable[[], bytes]) -> str:
    r"""One character of UTF-8, however many bytes it has.

    Raises:
        AnnotationError: the input ended.

    >>> typed = iter([b"\xc3", b"\xbc", b"r"])
    >>> read_character(lambda: next(typed)), read_character(lambda: next(typed))
    ('ü', 'r')
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    while byte := next_byte():
        if key := decoder.decode(byte):
            return key
    raise AnnotationError(
        "the terminal was closed; the answers so far are saved: run the same command to continue"
    )
