"""Rules written in Python: of a record, the easiest to write; of columns, as fast as any."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.contents import of_function
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import field_names
from wsal.rules.cleaning import class_of
from wsal.settings import Count

Record = Mapping[str, str | None]
Failures = list[tuple[int, str]]  # the row, and what went wrong there


@dataclass(frozen=True)
class FunctionRule:
    """A function of one record to a class name, or None to abstain."""

    function: Callable[[Record], str | None]
    tolerance: Count = 0
    """On how many records it may raise; it abstains there."""
    files: tuple[str, ...] = ()
    """Files that it reads, beside its module or in the working directory."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The function's answer for each record; it gets `text` and the fields by name.

        Raises:
            RuleError: the function raised, or named an unknown class, on more than `tolerance`
                records; says on which first.
        """
        ((votes, failures),) = run_functions([self.function], records, labels)
        self.check(failures, records)
        return votes

    def check(self, failures: Failures, records: pl.DataFrame) -> None:
        """Raise if there are more failures than tolerated."""
        if len(failures) > self.tolerance:
            row, what = failures[0]
            more = f" (and {len(failures) - 1} more; tolerance {self.tolerance})"
            raise RuleError(
                f"{self.function.__module__}.{self.function.__qualname__} failed on record "
                f"{records['id'][row]!r} ({records['text'][row]!r}): {what}"
                f"{more if len(failures) > 1 else ''}"
            )

    def importable(self) -> bool:
        """Whether another process finds the function by its name."""
        try:
            return resolve(self.function.__module__, self.function.__qualname__) is self.function
        except (ImportError, AttributeError):
            return False

    def content(self) -> Mapping[str, Any]:
        """The code and the files that its votes are made from; see `of_function`."""
        return of_function(self.function, self.files)


@dataclass(frozen=True)
class ColumnRule:
    """A function of all records at once to a polars expression, or to a class name for each."""

    function: Callable[[pl.DataFrame], "pl.Expr | pl.Series | Sequence[str | None]"]
    files: tuple[str, ...] = ()
    """Files that it reads, beside its module or in the working directory."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """What the function answers; it gets a frame with `text` and the fields as columns.

        Raises:
            RuleError: the function raised, gave back too many or too few, or an unknown class.
        """
        frame = flat(records)
        return self.vote_flat(frame, labels)

    def vote_flat(self, frame: pl.DataFrame, labels: LabelSet) -> Vote:
        """The same on the frame that the function gets."""
        where = f"{self.function.__module__}.{self.function.__qualname__}"
        try:
            said = self.function(frame)
            if isinstance(said, pl.Expr):
                said = frame.lazy().with_columns(__vote=said).collect()["__vote"]
            said = pl.Series(said, dtype=pl.String)
        except Exception as error:
            raise RuleError(f"{where} failed: {type(error).__name__}: {error}") from error
        if len(said) != len(frame):
            raise RuleError(f"{where} gave {len(said)} votes for {len(frame)} records")
        known = {name: i for i, name in enumerate(labels.names)}
        classes = said.replace_strict(known, default=-2, return_dtype=pl.Int16)
        unknown = said.filter(said.is_not_null() & (classes == -2))
        for name in unknown.unique():
            classes = classes.scatter((said == name).arg_true(), class_of(labels, name))
        votes = np.where(said.is_null().to_numpy(), ABSTAIN, classes.fill_null(ABSTAIN).to_numpy())
        return votes.astype(np.int16)

    def content(self) -> Mapping[str, Any]:
        """The code and the files that its votes are made from; see `of_function`."""
        return of_function(self.function, self.files)


@overload
def rule(function: Callable[[Record], str | None]) -> FunctionRule: ...
@overload
def rule(
    *, tolerance: int = 0, files: Sequence[str] = ()
) -> Callable[[Callable[[Record], str | None]], FunctionRule]: ...
def rule(
    function: Callable[[Record], str | None] | None = None,
    *,
    tolerance: int = 0,
    files: Sequence[str] = (),
) -> FunctionRule | Callable[[Callable[[Record], str | None]], FunctionRule]:
    """Make a rule of a function of one record (a decorator).

    Votes are made anew after an edit of the function's module, of modules beside it that it
    imports, or of a file whose name stands in them. Name other files that it reads in `files`.

    >>> from wsal.rules.testing import vote
    >>> @rule
    ... def long_title(record):
    ...     return "laptop" if len(record["text"]) > 10 else None
    >>> vote(long_title, "short", "a very long title", labels=("laptop", "tv"))
    [-1, 0]
    """
    if function is None:
        return lambda found: FunctionRule(found, tolerance, tuple(files))
    if not callable(function):
        raise RuleError(f"@rule stands before a function, without parentheses; got {function!r}")
    return FunctionRule(function)


ColumnFunction = Callable[[pl.DataFrame], "pl.Expr | pl.Series | Sequence[str | None]"]


@overload
def column_rule(function: ColumnFunction) -> ColumnRule: ...
@overload
def column_rule(*, files: Sequence[str]) -> Callable[[ColumnFunction], ColumnRule]: ...
def column_rule(
    function: ColumnFunction | None = None, *, files: Sequence[str] = ()
) -> ColumnRule | Callable[[ColumnFunction], ColumnRule]:
    """Make a rule of a function of all records (a decorator): the fast lane; see `rule`.

    >>> from wsal.rules.testing import vote
    >>> @column_rule
    ... def long_title(frame):
    ...     return pl.when(pl.col("text").str.len_chars() > 10).then(pl.lit("laptop"))
    >>> vote(long_title, "short", "a very long title", labels=("laptop", "tv"))
    [-1, 0]
    """
    if function is None:
        return lambda found: ColumnRule(found, tuple(files))
    if not callable(function):
        raise RuleError(f"@column_rule stands before a function; got {function!r}")
    return ColumnRule(function)


def run_functions(
    functions: Sequence[Callable[[Record], str | None]], records: pl.DataFrame, labels: LabelSet
) -> list[tuple[Vote, Failures]]:
    """For each function its votes `(texts,)`, and where it failed.

    A record is made but once, and is read-only. A function that fails is asked once more, record
    by record.
    """
    asked = [MappingProxyType(values) for values in flat(records).iter_rows(named=True)]
    return [_ask(function, asked, labels) for function in functions]


def _ask(
    function: Callable[[Record], str | None], asked: Sequence[Record], labels: LabelSet
) -> tuple[Vote, Failures]:
    votes = np.full(len(asked), ABSTAIN, dtype=np.int16)
    try:
        for row, label in enumerate(map(function, asked)):
            if label is not None:
                votes[row] = class_of(labels, label)
    except Exception:  # noqa: BLE001  whatever a user's code raises
        return _ask_one_by_one(function, asked, labels)
    return votes, []


def _ask_one_by_one(
    function: Callable[[Record], str | None], asked: Sequence[Record], labels: LabelSet
) -> tuple[Vote, Failures]:
    votes, failures = np.full(len(asked), ABSTAIN, dtype=np.int16), []
    for row, record in enumerate(asked):
        try:
            label = function(record)
            votes[row] = ABSTAIN if label is None else class_of(labels, label)
        except Exception as error:  # noqa: BLE001  whatever a user's code raises
            failures.append((row, f"{type(error).__name__}: {error}"))
    return votes, failures


def run_named(
    names: Sequence[tuple[str, str]], records: pl.DataFrame, labels: LabelSet
) -> list[tuple[Vote, Failures]]:
    """`run_functions` in another process, which finds the functions by module and name."""
    return run_functions([resolve(*name) for name in names], records, labels)


def resolve(module: str, name: str) -> Callable[[Record], str | None]:
    """The function that a module has under this name, if need be inside its rule."""
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[[Record], str | None] = getattr(found, "function", found)
    return function


def flat(records: pl.DataFrame) -> pl.DataFrame:
    """`text` and the fields side by side; a field named `text` gives way to the whole text."""
    names = [name for name in field_names(records) if name != "text"]
    return records.select("text", *(pl.col("fields").struct.field(name) for name in names))
