"""Every error that wsal raises on purpose.

A message says what was found and where, what was expected, and what to do.
"""

from collections.abc import Iterable, Sequence
from copyreg import __newobj__  # type: ignore[attr-defined]
from difflib import get_close_matches

SHOWN = 10  # problems in one message


def listed(problems: Sequence[str]) -> str:
    r"""The problems, a line for each; if there are more than `SHOWN`, how many more.

    >>> listed(["a", "b"]), listed(["x"] * 12)[-17:]
    ('\n  a\n  b', '\n  ... and 2 more')
    """
    more = [f"... and {len(problems) - SHOWN:,} more"] if len(problems) > SHOWN else []
    return "".join(f"\n  {problem}" for problem in [*problems[:SHOWN], *more])


def in_words(problems: Sequence[str]) -> str:
    r"""The problem or, if there are several, their number and a line for each.

    >>> in_words(["a"]), in_words(["a", "b"])
    ('a', '2 things are wrong:\n  a\n  b')
    """
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems):,} things are wrong:{listed(problems)}"


class WsalError(Exception):
    """Base class: catch this to catch anything wsal raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled with its message; by default, a subclass's `__init__` would be called with it."""
        return __newobj__, (type(self), *self.args), self.__dict__


class UnknownNameError(WsalError):
    """A name that is not among the known names.

    >>> raise UnknownNameError("label", "spma", ["ham", "spam"])
    Traceback (most recent call last):
    wsal.errors.UnknownNameError: unknown label 'spma'; did you mean 'spam'? known: ham, spam
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        super().__init__(f"unknown {kind} {name!r}{did_you_mean(str(name), known)}")


class ConfigError(WsalError):
    """A setting or an option is wrong, or what it asks for is not installed."""

    problems: tuple[str, ...] = ()
    """If several things are wrong: a sentence for each."""

    @classmethod
    def of(cls, errors: Sequence[WsalError]) -> WsalError:
        """The error itself if there is one; of several, one error that lists their messages.

        >>> raise ConfigError.of([ConfigError("a is 1"), ConfigError("b is 2")])
        Traceback (most recent call last):
        wsal.errors.ConfigError: 2 things are wrong:
          a is 1
          b is 2
        """
        if len(errors) == 1:
            return errors[0]
        messages = (getattr(error, "problems", ()) or (str(error),) for error in errors)
        problems = tuple(dict.fromkeys(problem for of_error in messages for problem in of_error))
        error = cls(in_words(problems))
        error.problems = problems
        return error


class DataError(WsalError):
    """A data source has no rows, lacks a column, or has a row that cannot be parsed."""


class PoolExhaustedError(DataError):
    """Every text that may be selected was selected before."""


class ModelError(WsalError):
    """A model cannot be trained on this data, or its training failed."""


class RuleError(WsalError):
    """A rule names a class or a field that the data does not have, or it raised an error."""


class TableError(WsalError):
    """A table of a run does not have the columns of its schema."""


class MissingArtifactError(WsalError):
    """Something that an earlier command writes does not exist."""


class AnnotationError(WsalError):
    """An answer cannot be used: its label or id is unknown, or its id occurs twice."""


class LLMError(WsalError):
    """A language model cannot be reached, refuses, or does not reply as it should."""


class ParityError(WsalError):
    """An exported model does not predict what the classifier predicts."""


class BusyError(WsalError):
    """Another process is using the same run folder."""


class DiskError(WsalError):
    """The disk is full, or cannot be written to."""


class LostProcessError(WsalError):
    """Another training process failed or was killed, or its machine failed."""


class PreemptedError(WsalError):
    """SIGTERM interrupted a training; a checkpoint was written."""

    def __init__(self, step: int, n_steps: int) -> None:
        super().__init__(
            f"stopped by SIGTERM after step {step:,} of {n_steps:,}; run the same command again "
            "to continue from there"
        )


class WaitingForAnnotations(Exception):  # noqa: N818  not an error
    """People have to answer the query of a round before the run continues.

    Nothing went wrong, so the command exits with 0.
    """


def did_you_mean(name: str, known: Iterable[str], most: int = 30) -> str:
    """The end of a message: the known name that is nearest, and all known names.

    >>> did_you_mean("spma", ["ham", "spam"])
    "; did you mean 'spam'? known: ham, spam"
    """
    known = sorted(known)
    more = f", ... ({len(known)} in all)" if len(known) > most else ""
    return f"{nearest(name, known) or ';'} known: {', '.join(known[:most]) or 'none'}{more}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message: the known name that is nearest; empty if none is near.

    >>> nearest("spma", ["ham", "spam"])
    "; did you mean 'spam'?"
    """
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
