"""Rules written in Python: of a record, the easiest to write; of columns, as fast as patterns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, overload

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote, Votes
from wsal.contents import of_function, qualified_name
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import Strings, VoteRows, VotingContext, as_tuple, naming, unnested
from wsal.rules.cleaning import class_of
from wsal.rules.function_calls import (
    Failures,
    Function,
    Record,
    by_name,
    call,
    caller,
    resolve,
)
from wsal.settings import Count

ColumnAnswer = pl.Expr | pl.Series | Sequence[str | None]
ColumnFunction = Callable[[pl.DataFrame], ColumnAnswer]


@dataclass(frozen=True)
class FunctionRule:
    """A function from one record to a class name, or None to abstain; made by `@rule`."""

    function: Function
    tolerance: Count = 0
    """Number of records on which the function may raise; the rule abstains there."""
    files: tuple[str, ...] = ()
    """Files that it reads, beside its module or in the working directory."""

    def __call__(self, record: Record) -> str | None:
        """The function's own answer, to try it on a record."""
        return self.function(record)

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The function's answer for each record; it gets `text` and the fields by name.

        Raises:
            RuleError: the function raised, or returned an unknown class, on more than `tolerance`
                records; the message shows the first of them.
        """
        (answer,) = call([self.function], records, labels)
        self.check_failures(_described(answer.failures, records))
        return answer.votes

    def check_failures(self, failures: Sequence[str]) -> None:
        """Raise a RuleError if there are more failures than tolerated; it shows the first."""
        if len(failures) <= self.tolerance:
            return
        more = ""
        if len(failures) > 1:
            more = f" (and {len(failures) - 1} more; tolerance {self.tolerance})"
        raise RuleError(f"{qualified_name(self.function)} failed on record {failures[0]}{more}")

    @staticmethod
    def vote_together(rules: Mapping[str, "FunctionRule"], context: VotingContext) -> VoteRows:
        """Make each record once for all functions, and call them in processes if that is faster."""
        call_all = caller([rule.function for rule in rules.values()], context)
        lock = Lock()

        def vote(records: pl.DataFrame, _first: int) -> Votes:
            answers = call_all(records)
            with lock:
                for (name, rule), answer in zip(rules.items(), answers, strict=True):
                    failures = context.failures.setdefault(name, [])
                    failures += _described(answer.failures, records)
                    context.note_removed(name, answer.removed)
                    with naming(name):
                        rule.check_failures(failures)
            return np.column_stack([answer.votes for answer in answers])

        return vote

    def content(self) -> Mapping[str, Any]:
        """The code and the files that its votes depend on; see `of_function`."""
        return of_function(self.function, self.files)

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes, which find the function by its name."""
        return _restored, (type(self), by_name(self.function), self.tolerance, self.files)


@dataclass(frozen=True)
class ColumnRule:
    """A function of all records to a polars expression, or to a class name for each of them.

    Made by `@column_rule`.
    """

    function: ColumnFunction
    files: tuple[str, ...] = ()
    """Files that it reads, beside its module or in the working directory."""

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """What the function answers; it gets a frame with `text` and the fields as columns.

        Raises:
            RuleError: the function or its expression raised, or it returned an unknown class, or
                too many or too few of them.
        """
        frame = unnested(records)
        return self.as_votes(self.answer(frame), frame, labels)[0]

    def answer(self, frame: pl.DataFrame) -> ColumnAnswer:
        """What the function returns for the frame."""
        with self._reporting():
            return self.function(frame)

    def as_votes(
        self, answer: ColumnAnswer, frame: pl.DataFrame, labels: LabelSet
    ) -> tuple[Vote, set[str]]:
        """The function's answer as votes, and the names in it of classes that were removed."""
        with self._reporting():
            if isinstance(answer, pl.Expr):
                answer = _selected({"": answer}, frame)[""]
            names = pl.Series(answer, dtype=pl.String)
        if len(names) != len(frame):
            where = qualified_name(self.function)
            raise RuleError(f"{where} returned {len(names)} votes for {len(frame)} records")
        codes = {n: class_of(labels, n) for n in names.drop_nulls().unique(maintain_order=True)}
        votes = names.replace_strict(codes, default=ABSTAIN, return_dtype=pl.Int16)
        removed = {name for name, code in codes.items() if code == ABSTAIN}
        return votes.fill_null(ABSTAIN).to_numpy(), removed

    @staticmethod
    def vote_together(rules: Mapping[str, "ColumnRule"], context: VotingContext) -> VoteRows:
        """Compute all expressions in one select."""

        def vote(records: pl.DataFrame, _first: int) -> Votes:
            frame = unnested(records)
            answers: dict[str, ColumnAnswer] = {}
            for name, rule in rules.items():
                with naming(name):
                    answers[name] = rule.answer(frame)
            expressions = {n: each for n, each in answers.items() if isinstance(each, pl.Expr)}
            with suppress(Exception):  # then `as_votes` computes them alone, and names the culprit
                answers |= _selected(expressions, frame)
            votes = np.empty((len(frame), len(rules)), dtype=np.int16, order="F")
            for j, (name, rule) in enumerate(rules.items()):
                with naming(name):
                    votes[:, j], removed = rule.as_votes(answers[name], frame, context.labels)
                    context.note_removed(name, removed)
            return votes

        return vote

    def content(self) -> Mapping[str, Any]:
        """The code and the files that its votes depend on; see `of_function`."""
        return of_function(self.function, self.files)

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes, which find the function by its name."""
        return _restored, (type(self), by_name(self.function), self.files)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Whatever the user's code raises becomes a RuleError that names the function."""
        try:
            yield
        except Exception as error:
            where = qualified_name(self.function)
            raise RuleError(f"{where} failed: {type(error).__name__}: {error}") from error


def _restored(kind: Callable[..., object], name: tuple[str, str], *settings: object) -> object:
    """A rule of the function with this name, in another process."""
    return kind(resolve(*name), *settings)


def _described(failures: Failures, records: pl.DataFrame) -> list[str]:
    """For each failure the record's id, its text, and the error."""
    return [f"{records['id'][r]!r} ({records['text'][r]!r}): {why}" for r, why in failures]


def _selected(expressions: Mapping[str, pl.Expr], frame: pl.DataFrame) -> dict[str, pl.Series]:
    """The values of the expressions, computed in one select; a single value is repeated."""
    named = {f"__vote_{i}": each for i, each in enumerate(expressions.values())}
    table = frame.lazy().with_columns(**named).select(*named).collect()
    return dict(zip(expressions, table.get_columns(), strict=True))


@overload
def rule(function: Function) -> FunctionRule: ...
@overload
def rule(*, tolerance: int = 0, files: Strings = ()) -> Callable[[Function], FunctionRule]: ...
def rule(
    function: Function | None = None, *, tolerance: int = 0, files: Strings = ()
) -> FunctionRule | Callable[[Function], FunctionRule]:
    """Make a rule of a function from one record to a class name or None (a decorator).

    The record is a read-only mapping with `text` and the fields by name. Votes become stale when
    the function's module is edited, or a module beside it that it imports, or a file that one of
    these modules names. Name other files that the function reads in `files`.

    >>> from wsal.rules.testing import vote
    >>> @rule
    ... def long_title(record):
    ...     return "laptop" if len(record["text"]) > 10 else None
    >>> vote(long_title, "short", "a very long title", labels=["laptop", "tv"])
    [-1, 0]
    >>> long_title({"text": "a very long title"})
    'laptop'
    """
    if function is None:
        return lambda decorated: FunctionRule(decorated, tolerance, as_tuple(files, "files"))
    if not callable(function):
        raise RuleError(f"@rule without parentheses expects a function below it; got {function!r}")
    return FunctionRule(function)


@overload
def column_rule(function: ColumnFunction) -> ColumnRule: ...
@overload
def column_rule(*, files: Strings) -> Callable[[ColumnFunction], ColumnRule]: ...
def column_rule(
    function: ColumnFunction | None = None, *, files: Strings = ()
) -> ColumnRule | Callable[[ColumnFunction], ColumnRule]:
    """Make a rule of a function of all records (a decorator): much faster than `rule`.

    The function gets a frame with the columns `text` and one for each field, and returns a polars
    expression, a series or a list with a class name or null for each record.

    >>> from wsal.rules.testing import vote
    >>> @column_rule
    ... def long_title(frame):
    ...     return pl.when(pl.col("text").str.len_chars() > 10).then(pl.lit("laptop"))
    >>> vote(long_title, "short", "a very long title", labels=["laptop", "tv"])
    [-1, 0]
    """
    if function is None:
        return lambda decorated: ColumnRule(decorated, as_tuple(files, "files"))
    if not callable(function):
        raise RuleError(f"@column_rule expects a function below it; got {function!r}")
    return ColumnRule(function)
