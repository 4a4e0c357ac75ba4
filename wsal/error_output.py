"""Errors as a user of the command line sees them: one plain message, and an exit status."""

import os
import sys
import traceback
from typing import NoReturn

from wsal import __version__, processes
from wsal.errors import PreemptedError, WaitingForAnnotations, WsalError


def report(error: BaseException) -> NoReturn:
    """Print what went wrong and exit; only an unexpected error is printed with its traceback."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, WaitingForAnnotations):
        sys.stdout.write(f"waiting: {error}\n")
        sys.exit(0)
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("interrupted; run the same command again to continue from here\n")
        sys.exit(130)  # 128 + SIGINT
    if isinstance(error, PreemptedError):
        if processes.is_leader():  # all processes of a torchrun stop after the same step
            sys.stderr.write(f"{error}\n")
        sys.exit(143)  # 128 + SIGTERM
    if isinstance(error, BrokenPipeError):  # as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # 128 + SIGPIPE
    message = _message(error)
    if message is None:
        traceback.print_exception(error)
        message = (
            f"this is a bug in wsal {__version__}; please report it, with the lines above and the "
            "command that you typed"
        )
    sys.stderr.write(f"error: {message}\n")
    sys.exit(1)


def _message(error: BaseException) -> str | None:
    """What to print of an error that the user can do something about; None for all others."""
    if isinstance(error, WsalError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "there is not enough memory; close other programs, or use less data"
    if type(error).__module__.startswith(("hydra.", "omegaconf.", "yaml.")):
        from wsal.config.errors import explain  # noqa: PLC0415  Hydra takes a third of a second
        from wsal.presets import CONF_DIR  # noqa: PLC0415

        return explain(error, CONF_DIR)
    return None
