"""Calling Python functions on records: in this process, or in others where that is faster."""

import multiprocessing
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import repeat
from types import MappingProxyType
from typing import Any

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
Answers = list[tuple[Vote, Failures]]
"""For each function its votes `(records,)`, and where it failed."""


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
    """For each function its votes, and where it failed.

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


def _call(function: Function, rows: Sequence[Record], labels: LabelSet) -> tuple[Vote, Failures]:
    votes = np.full(len(rows), ABSTAIN, dtype=np.int16)
    try:
        for row, label in enumerate(map(function, rows)):
            if label is not None:
                votes[row] = class_of(labels, label)
    except Exception:  # noqa: BLE001  whatever a user's code raises
        return _call_one_by_one(function, rows, labels)
    return votes, []


def _call_one_by_one(
    function: Function, rows: Sequence[Record], labels: LabelSet
) -> tuple[Vote, Failures]:
    votes, failures = np.full(len(rows), ABSTAIN, dtype=np.int16), []
    for row, record in enumerate(rows):
        try:
            label = function(record)
            votes[row] = ABSTAIN if label is None else class_of(labels, label)
        except Exception as error:  # noqa: BLE001  whatever a user's code raises
            failures.append((row, f"{type(error).__name__}: {error}"))
    return votes, failures


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
    joined = []
    for answers in zip(*parts, strict=True):
        votes = np.concatenate([vote for vote, _ in answers])
        failures = [
            (start + row, message)
            for start, (_, failed) in zip(starts, answers, strict=True)
            for row, message in failed
        ]
        joined.append((votes, failures))
    return joined
