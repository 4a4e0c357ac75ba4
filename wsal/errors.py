"""Every error wsal raises on purpose. Each says what was found, what was expected, what to do."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

SHOWN = 10  # of the things that are wrong at once


def listed(problems: Sequence[str]) -> str:
    r"""Each on a line of its own; of more than `SHOWN` the first ones, and how many follow.

    >>> listed(["a", "b"]), listed(["x"] * 12)[-17:]
    ('\n  a\n  b', '\n  ... and 2 more')
    """
    more = [f"... and {len(problems) - SHOWN:,} more"] if len(problems) > SHOWN else []
    return "".join(f"\n  {one}" for one in [*problems[:SHOWN], *more])


class WsalError(Exception):
    """Base class: catch this to catch anything wsal raises on purpose."""


class UnknownNameError(WsalError):
    """A name that is not among the known ones.

    >>> raise UnknownNameError("label", "spma", ["ham", "spam"])
    Traceback (most recent call last):
    wsal.errors.UnknownNameError: unknown label 'spma'; did you mean 'spam'? known: ham, spam
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        super().__init__(f"unknown {kind} {name!r}{did_you_mean(str(name), known)}")


class ConfigError(WsalError):
    """The configuration asks for something that cannot be built."""

    problems: tuple[str, ...] = ()
    """Where several things are wrong: a sentence for each."""

    @classmethod
    def of(cls, errors: Sequence[WsalError]) -> WsalError:
        """One error for all: the only one as it is, of several a list of what they say.

        >>> raise ConfigError.of([ConfigError("a is 1"), ConfigError("b is 2")])
        Traceback (most recent call last):
        wsal.errors.ConfigError: 2 things are wrong:
          a is 1
          b is 2
        """
        if len(errors) == 1:
            return errors[0]
        said = (getattr(error, "problems", ()) or (str(error),) for error in errors)
        problems = tuple(dict.fromkeys(problem for each in said for problem in each))
        error = cls(f"{len(problems)} things are wrong:{listed(problems)}")
        error.problems = problems
        return error


class DataError(WsalError):
    """A source has no rows, lacks a column, or holds a row that cannot be read as a record."""


class PoolExhaustedError(DataError):
    """Every text that may be asked about was asked."""


class ModelError(WsalError):
    """A label model cannot learn from these votes."""


class RuleError(WsalError):
    """A rule names a class or a field that the data does not have, or it raised."""


class TableError(WsalError):
    """A table on disk does not have the columns its schema promises."""


class MissingArtifactError(WsalError):
    """A stage was asked to run before the stage that writes its input."""


class AnnotationError(WsalError):
    """An answer that cannot be taken: an unknown label, an unknown or a repeated id."""


class ParityError(WsalError):
    """An exported model does not give what the classifier gives."""


class BusyError(WsalError):
    """Another process works on the same run folder."""


class DiskError(WsalError):
    """The disk is full or cannot be written."""


class PreemptedError(WsalError):
    """SIGTERM came in the middle of a training; a checkpoint was written."""

    def __init__(self, step: int, n_steps: int) -> None:
        super().__init__(
            f"stopped by SIGTERM after step {step:,} of {n_steps:,}; run the same command again "
            "to continue from there"
        )


class WaitingForAnnotations(Exception):  # noqa: N818  not an error: the next step is a person's
    """A round's query is written; nothing goes on before people have answered it."""


def did_you_mean(name: str, known: Iterable[str], most: int = 30) -> str:
    """The nearest known name and the list of all, as the end of a message.

    >>> did_you_mean("spma", ["ham", "spam"])
    "; did you mean 'spam'? known: ham, spam"
    """
    known = sorted(known)
    more = f", ... ({len(known)} in all)" if len(known) > most else ""
    return f"{nearest(name, known) or ';'} known: {', '.join(known[:most]) or 'none'}{more}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest known name as the end of a message; empty where none is near.

    >>> nearest("spma", ["ham", "spam"])
    "; did you mean 'spam'?"
    """
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
