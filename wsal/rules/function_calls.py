"""Calling Python functions on records: in this process, or in others where that is faster."""

import multiprocessing
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import repeat
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote
from wsal.contents import qualified_name
from wsal.errors import RuleError
from wsal.labels import LabelSet
from wsal.rules.base import VotingContext, unnested
from wsal.rules.cleaning import class_of

MANY_CALLS = 2_000_000  # calls of Python functions from which other processes pay
FEW_CORES = 2  # up to here threads were faster: patterns run while Python holds its lock
MAX_PROCESSES = 8

Record = Mapping[str, str | None]
Function = Callable[[Record], str | None]
Failures = list[tuple[int, str]]
"""The row of a record, and the error that the function raised on it."""


class Answer(NamedTuple):
    """What a function answers to records."""

    votes: Vote
    """`(records,)`"""
    failures: Failures
    """Where it failed."""
    removed: frozenset[str]
    """The names that it returned of classes that were removed; it abstains there."""


Answers = list[Answer]
"""Those of each function."""


def caller(
    functions: Sequence[Function], context: VotingContext
) -> Callable[[pl.DataFrame], Answers]:
    """What calls the functions on a table: other processes, if that pays and they find them."""
    cores = pl.thread_pool_size()  # which launchers limit: one of several processes has a share
    n_calls = context.sample.n_all * len(functions)
    pays = cores > FEW_CORES and n_calls > MANY_CALLS
    # A process that works on shards is already one of several, and may not start others.
    is_worker = multiprocessing.current_process().daemon
    if not pays or is_worker or not all(map(is_importable, functions)):
        return lambda records: call(functions, records, context.labels)
    n = min(cores - 1, MAX_PROCESSES)
    spawn = multiprocessing.get_context("spawn")  # polars forbids forking
    processes = context.resources.enter_context(ProcessPoolExecutor(n, spawn))
    names = [(function.__module__, function.__qualname__) for function in functions]

    def call_in_processes(records: pl.DataFrame) -> Answers:
        step = max(1, -(-len(records) // n))
        starts = range(0, len(records), step)
        parts = [records[first : first + step] for first in starts]
        answers = processes.map(_call_by_name, repeat(names), parts, repeat(context.labels))
        return _joined(list(answers), starts)

    return call_in_processes


def call(functions: Sequence[Function], records: pl.DataFrame, labels: LabelSet) -> Answers:
    """The answers of each function.

    Each record is made once, and is read-only. A function that fails is called again, record by
    record.
    """
    rows = [MappingProxyType(row) for row in unnested(records).iter_rows(named=True)]
    return [_call(function, rows, labels) for function in functions]


def by_name(function: Callable[..., Any]) -> tuple[str, str]:
    """The module and the name by which another process finds the function.

    Raises:
        RuleError: no other process can find it, such as a function in a notebook.
    """
    if not is_importable(function):
        raise RuleError(
            f"several processes are to vote, but a rule uses the function "
            f"{qualified_name(function)}, which only this process has; move it into a module, or "
            "use processes=1"
        )
    return function.__module__, function.__qualname__


def is_importable(function: Callable[..., Any]) -> bool:
    """Whether another process finds the function by its name; not one defined in a notebook."""
    try:
        module = sys.modules[function.__module__]
        resolved = resolve(function.__module__, function.__qualname__)
    except (ImportError, AttributeError, KeyError):
        return False
    in_file = module.__name__ != "__main__" and getattr(module, "__file__", None) is not None
    return in_file and resolved is function


def _call(function: Function, rows: Sequence[Record], labels: LabelSet) -> Answer:
    votes, removed = np.full(len(rows), ABSTAIN, dtype=np.int16), set[str]()
    try:
        for row, label in enumerate(map(function, rows)):
            if label is not None and (code := class_of(labels, label)) >= 0:
                votes[row] = code
            elif label is not None:
                removed.add(label)
    except Exception:  # noqa: BLE001  whatever a user's code raises
        return _call_one_by_one(function, rows, labels)
    return Answer(votes, [], frozenset(removed))


def _call_one_by_one(function: Function, rows: Sequence[Record], labels: LabelSet) -> Answer:
    parts: list[Answer] = []
    for record in rows:
        try:
            label = function(record)
            code = ABSTAIN if label is None else class_of(labels, label)
            removed = frozenset([label] if label is not None and code < 0 else [])
            parts.append(Answer(np.array([code], np.int16), [], removed))
        except Exception as error:  # noqa: BLE001  whatever a user's code raises
            message = f"{type(error).__name__}: {error}"
            parts.append(Answer(np.array([ABSTAIN], np.int16), [(0, message)], frozenset()))
    return _one_after_another(parts, range(len(rows)))


def _call_by_name(
    names: Sequence[tuple[str, str]], records: pl.DataFrame, labels: LabelSet
) -> Answers:
    """`call` in another process, which finds the functions by module and name."""
    return call([resolve(*name) for name in names], records, labels)


def resolve(module: str, name: str) -> Function:
    """The function that a module has under this name, or that the rule of this name calls."""
    value: Any = import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    function: Function = getattr(value, "function", value)
    return function


def _joined(parts: Sequence[Answers], starts: Sequence[int]) -> Answers:
    """Answers on consecutive parts of a table as answers on the table."""
    return [_one_after_another(answers, starts) for answers in zip(*parts, strict=True)]


def _one_after_another(answers: Sequence[Answer], starts: Sequence[int]) -> Answer:
    """The answers of a function on consecutive parts of a table as one."""
    failures = [
        (start + row, message)
        for start, answer in zip(starts, answers, strict=True)
        for row, message in answer.failures
    ]
    removed = frozenset[str]().union(*(answer.removed for answer in answers))
    return Answer(np.concatenate([answer.votes for answer in answers]), failures, removed)
