"""Keys of a terminal, one at a time."""

import codecs
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wsal.errors import AnnotationError

ReadKey = Callable[[], str]
ESCAPE = "\x1b"
UP, DOWN, LEFT = (f"{ESCAPE}[{letter}" for letter in "ABD")  # what arrow keys send
AT_ONCE = 0.05  # seconds within which the rest of what an arrow key sends arrives


@contextmanager
def keys() -> Iterator[ReadKey]:
    """A function that waits for one key press on standard input."""
    import termios  # noqa: PLC0415  not on Windows
    import tty  # noqa: PLC0415

    stdin = sys.stdin.fileno()
    settings = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin)  # Ctrl-C still interrupts
        yield lambda: _read_key(stdin)
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, settings)


def _read_key(stdin: int) -> str:
    """A character, or what an arrow key sends: Escape alone is not followed by anything."""
    key = read_character(lambda: os.read(stdin, 1))
    if key == ESCAPE and select.select([stdin], [], [], AT_ONCE)[0]:
        key += os.read(stdin, 2).decode("ascii", "ignore")
    return key


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
