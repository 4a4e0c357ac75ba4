"""Let every rule vote on every record: patterns together, functions in processes."""

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Vote, Votes
from wsal.errors import RuleError, WsalError
from wsal.labels import LabelSet
from wsal.rules.base import PatternRule, Rule, Search
from wsal.rules.compiled import compile_searches
from wsal.rules.functions import Failures, FunctionRule, run_named
from wsal.rules.similarity import EmbeddingRule

CHUNK = 100_000  # records at a time: bounds memory, keeps both cores busy
MANY_CALLS = 200_000  # calls of Python functions from which other processes pay


@dataclass(frozen=True)
class Compiled:
    """Rules made ready for one set of classes."""

    rules: Mapping[str, Rule]
    labels: LabelSet
    together: list[str]
    """The pattern rules' names, in the order of the columns that `patterns` gives."""
    patterns: Any  # Callable[[pl.DataFrame], Votes]

    def chunks(self, records: pl.DataFrame) -> Iterator[Votes]:
        """Votes `(texts, rules)` of the records, a chunk at a time, in order.

        Raises:
            RuleError: a rule cannot vote; the message begins with its name.
        """
        slow = {n: r for n, r in self.rules.items() if isinstance(r, FunctionRule)}
        apart = {n: r for n, r in slow.items() if r.importable()}
        failures: dict[str, Failures] = {name: [] for name in slow}
        with ExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(2))
            processes = None
            if apart and len(records) * len(apart) > MANY_CALLS:
                spawn = multiprocessing.get_context("spawn")  # polars forbids forking
                n_workers = min(os.cpu_count() or 1, 8)
                processes = stack.enter_context(ProcessPoolExecutor(n_workers, spawn))
            ahead: list[tuple[int, Future[Votes], Future[Any] | None]] = []
            for first in range(0, len(records), CHUNK):
                chunk = records[first : first + CHUNK]
                called = None
                if processes:
                    names = [
                        (r.function.__module__, r.function.__qualname__) for r in apart.values()
                    ]
                    called = processes.submit(run_named, names, chunk, self.labels)
                done = threads.submit(self._vote, chunk, set(apart) if processes else set())
                ahead.append((first, done, called))
                if len(ahead) > 3:
                    yield self._collect(*ahead.pop(0), apart, failures, records)
            while ahead:
                yield self._collect(*ahead.pop(0), apart, failures, records)

    def _vote(self, chunk: pl.DataFrame, elsewhere: set[str]) -> Votes:
        """All columns but those that are computed elsewhere."""
        columns = list(self.rules)
        votes = np.empty((len(chunk), len(columns)), dtype=np.int16, order="F")
        if self.together:
            votes[:, [columns.index(name) for name in self.together]] = self.patterns(chunk)
        for j, (name, one) in enumerate(self.rules.items()):
            if isinstance(one, EmbeddingRule):
                votes[:, j] = ABSTAIN  # whoever has the embeddings writes these columns
            elif name not in self.together and name not in elsewhere:
                votes[:, j] = _named(name, one, chunk, self.labels)
        return votes

    def _collect(
        self,
        first: int,
        done: "Future[Votes]",
        called: "Future[Any] | None",
        apart: Mapping[str, FunctionRule],
        failures: dict[str, Failures],
        records: pl.DataFrame,
    ) -> Votes:
        votes = done.result()
        if called is None:
            return votes
        for (name, one), (said, failed) in zip(apart.items(), called.result(), strict=True):
            votes[:, list(self.rules).index(name)] = said
            failures[name] += [(first + row, what) for row, what in failed]
            try:
                one.check(failures[name], records)
            except RuleError as error:
                raise RuleError(f"rule {name!r}: {error}") from error
        return votes


def compile_rules(rules: Mapping[str, Rule], labels: LabelSet, records: pl.DataFrame) -> Compiled:
    """Rules made ready for records like these; what is wrong with them is said before any work.

    Raises:
        RuleError: a rule names an unknown class or field, or a regex that is refused.
    """
    searches: dict[str, Search] = {}
    none = records.head(0)
    for name, one in rules.items():
        if isinstance(one, EmbeddingRule):
            continue
        _named(name, one, none, labels)
        if isinstance(one, PatternRule):
            searches[name] = one.search()
    patterns = compile_searches(list(searches.values()), labels)
    return Compiled(rules, labels, list(searches), patterns)


def collect_votes(rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet) -> Votes:
    """The vote matrix `(texts, rules)`; columns in the order of the rules.

    Raises:
        RuleError: a rule cannot vote; the message begins with its name.
    """
    votes = np.empty((len(records), len(rules)), dtype=np.int16, order="F")
    first = 0
    for chunk in compile_rules(rules, labels, records).chunks(records):
        votes[first : first + len(chunk)] = chunk
        first += len(chunk)
    return votes


def _named(name: str, one: Rule, records: pl.DataFrame, labels: LabelSet) -> Vote:
    try:
        return one.vote(records, labels)
    except WsalError as error:
        raise RuleError(f"rule {name!r}: {error}") from error
