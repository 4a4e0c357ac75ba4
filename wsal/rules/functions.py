"""Rules written in Python: the easiest to write, and the slow lane."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import column

Record = Mapping[str, str | None]


@dataclass(frozen=True)
class FunctionRule:
    """A function of one record to a class name, or None to abstain."""

    function: Callable[[Record], str | None]

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """The function's answer for each record; it gets `text` and the fields by name.

        Raises:
            RuleError: the function raised, or named an unknown class; says on which record.
        """
        votes = np.full(len(records), ABSTAIN, dtype=np.int16)
        fields = column_names(records)
        columns = [records["text"].to_list(), *(column(records, f).to_list() for f in fields)]
        for row, values in enumerate(zip(*columns, strict=True)):
            try:
                record = dict(zip(fields, values[1:], strict=True)) | {"text": values[0]}
                label = self.function(record)
                if label is not None:
                    votes[row] = labels.index(label)
            except Exception as error:
                where = f"{self.function.__module__}.{self.function.__qualname__}"
                raise RuleError(
                    f"{where} failed on record {records['id'][row]!r} ({values[0]!r}): "
                    f"{type(error).__name__}: {error}"
                ) from error
        return votes

    def content(self) -> Mapping[str, str]:
        """The function's source: an edited function makes the votes stale."""
        return {"source": inspect.getsource(self.function)}


def rule(function: Callable[[Record], str | None]) -> FunctionRule:
    """Make a rule of a function (a decorator).

    >>> from wsal.rules.testing import vote
    >>> @rule
    ... def long_title(record):
    ...     return "laptop" if len(record["text"]) > 10 else None
    >>> vote(long_title, "short", "a very long title", labels=("laptop", "tv"))
    [-1, 0]
    """
    if not callable(function):
        raise RuleError(f"@rule stands before a function, without parentheses; got {function!r}")
    return FunctionRule(function)


def column_names(records: pl.DataFrame) -> list[str]:
    """The names of the records' fields."""
    return [f.name for f in records.schema["fields"].fields]  # type: ignore[attr-defined]
