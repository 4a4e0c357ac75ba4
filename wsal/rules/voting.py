"""Let every rule vote on every record: patterns together, functions in processes."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Embeddings, Vote, Votes
from wsal.errors import RuleError, WsalError, listed
from wsal.labels import LabelSet
from wsal.rules.base import PatternRule, Rule, Search
from wsal.rules.compiled import check, compile_searches
from wsal.rules.functions import ColumnRule, Failures, FunctionRule, flat, run_functions, run_named
from wsal.rules.similarity import EmbeddingRule

CHUNK = 100_000  # records at a time: bounds memory, keeps both cores busy
MANY_CALLS = 2_000_000  # calls of Python functions from which other processes pay
FEW_CORES = 2  # with these, threads pay as well: patterns run while Python holds its lock
RESERVED = "id"  # the first column of every table of votes

Answers = list[tuple[Vote, Failures]]
Embed = Callable[[Sequence[str], str], Embeddings]
"""From texts and an encoder's path to unit vectors `(texts, dims)`."""


@dataclass(frozen=True)
class Compiled:
    """Rules made ready for one set of classes."""

    rules: Mapping[str, Rule]
    labels: LabelSet
    together: list[str]
    """The pattern rules' names, in the order of the columns that `patterns` gives."""
    patterns: Callable[[pl.DataFrame], Votes]
    embed: Embed | None

    def chunks(self, records: pl.DataFrame) -> Iterator[Votes]:
        """Votes `(texts, rules)` of the records, a chunk at a time, in order.

        Raises:
            RuleError: a rule cannot vote; the message begins with its name.
        """
        functions = {n: r for n, r in self.rules.items() if isinstance(r, FunctionRule)}
        failures: dict[str, Failures] = {name: [] for name in functions}
        by_meaning = self._by_meaning(records)
        with ExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(2))
            call = self._caller(functions, len(records), threads, stack)
            ahead: list[tuple[int, Future[Votes], Future[Answers] | None]] = []
            for first in range(0, len(records), CHUNK):
                chunk = records[first : first + CHUNK]
                called = call(chunk) if functions else None
                ahead.append((first, threads.submit(self._vote, chunk), called))
                if len(ahead) > 3:
                    yield self._collect(*ahead.pop(0), failures, records, by_meaning)
            while ahead:
                yield self._collect(*ahead.pop(0), failures, records, by_meaning)

    def _caller(
        self,
        functions: Mapping[str, FunctionRule],
        n_records: int,
        threads: ThreadPoolExecutor,
        stack: ExitStack,
    ) -> Callable[[pl.DataFrame], "Future[Answers]"]:
        """What has the functions called: in processes if that pays and they are found there."""
        cores = os.cpu_count() or 1
        plain = [one.function for one in functions.values()]
        apart = all(one.importable() for one in functions.values())
        if not apart or cores <= FEW_CORES or n_records * len(functions) <= MANY_CALLS:
            return lambda chunk: threads.submit(run_functions, plain, chunk, self.labels)
        spawn = multiprocessing.get_context("spawn")  # polars forbids forking
        processes = stack.enter_context(ProcessPoolExecutor(min(cores - 1, 8), spawn))
        names = [(one.__module__, one.__qualname__) for one in plain]
        return lambda chunk: processes.submit(run_named, names, chunk, self.labels)

    def _vote(self, chunk: pl.DataFrame) -> Votes:
        """All columns but those of functions and of rules on embeddings."""
        names = list(self.rules)
        votes = np.full((len(chunk), len(names)), ABSTAIN, dtype=np.int16, order="F")
        if self.together:
            votes[:, [names.index(name) for name in self.together]] = self.patterns(chunk)
        columnar = {n: r for n, r in self.rules.items() if isinstance(r, ColumnRule)}
        frame = flat(chunk) if columnar else chunk
        for j, (name, one) in enumerate(self.rules.items()):
            if name in columnar:
                with _naming(name):
                    votes[:, j] = columnar[name].vote_flat(frame, self.labels)
            elif name not in self.together and not isinstance(one, FunctionRule | EmbeddingRule):
                with _naming(name):
                    votes[:, j] = one.vote(chunk, self.labels)
        return votes

    def _collect(
        self,
        first: int,
        done: "Future[Votes]",
        called: "Future[Answers] | None",
        failures: dict[str, Failures],
        records: pl.DataFrame,
        by_meaning: Mapping[str, Vote],
    ) -> Votes:
        votes = done.result()
        for name, column in by_meaning.items():
            votes[:, list(self.rules).index(name)] = column[first : first + len(votes)]
        answers = called.result() if called else []
        for name, (said, failed) in zip(failures, answers, strict=True):
            votes[:, list(self.rules).index(name)] = said
            failures[name] += [(first + row, what) for row, what in failed]
            one = self.rules[name]
            if isinstance(one, FunctionRule):
                with _naming(name):
                    one.check(failures[name], records)
        return votes

    def _by_meaning(self, records: pl.DataFrame) -> dict[str, Vote]:
        """The votes of rules on embeddings; each encoder embeds the texts once.

        The rules' own texts are embedded together with the records', so that an encoder whose
        vocabulary comes from the texts it is given treats both alike.
        """
        by_encoder: dict[str, list[tuple[str, EmbeddingRule]]] = {}
        for name, rule in self.rules.items():
            if isinstance(rule, EmbeddingRule):
                by_encoder.setdefault(rule.encoder, []).append((name, rule))
        votes: dict[str, Vote] = {}
        for encoder, rules in by_encoder.items():
            own = [text for _, rule in rules for text in rule.texts()]
            assert self.embed is not None  # noqa: S101  compile_rules refuses rules without it
            vectors = self.embed([*records["text"], *own], encoder)
            first = len(records)
            for name, one in rules:
                last = first + len(one.texts())
                given = vectors[: len(records)], vectors[first:last]
                votes[name] = one.vote_embedded(*given, self.labels)
                first = last
        return votes


def compile_rules(
    rules: Mapping[str, Rule], labels: LabelSet, records: pl.DataFrame, embed: Embed | None = None
) -> Compiled:
    """Rules made ready for records like these; what is wrong with them is said before any work.

    Args:
        rules: by name.
        labels: the classes that they may vote for.
        records: only the names and types of the columns are looked at.
        embed: makes the embeddings that similarity rules vote on.

    Raises:
        RuleError: a rule names an unknown class or field, or a regex that is refused; it has a
            reserved name; or it votes on embeddings and `embed` is not given.
    """
    searches: dict[str, Search] = {}
    none = records.head(0)
    wrong: list[RuleError] = []
    for name, one in rules.items():
        try:
            with _naming(name):
                if search := _checked(name, one, labels, none, can_embed=embed is not None):
                    searches[name] = search
        except RuleError as error:
            wrong.append(error)
    if len(wrong) > 1:
        raise RuleError(f"{len(wrong)} rules are wrong:{listed([*map(str, wrong)])}")
    if wrong:
        raise wrong[0]
    patterns = compile_searches(list(searches.values()), labels)
    return Compiled(rules, labels, list(searches), patterns, embed)


def _checked(
    name: str, rule: Rule, labels: LabelSet, none: pl.DataFrame, *, can_embed: bool
) -> Search | None:
    """What a pattern rule looks for; whatever the rule is, it is tried on no records.

    Raises:
        RuleError, UnknownNameError: it cannot vote.
    """
    if name == RESERVED:
        raise RuleError(
            "the table of votes has a column of this name for the ids of the texts; give the rule "
            "another name"
        )
    if isinstance(rule, PatternRule):
        search = rule.search()
        check(search, labels, none)
        return search
    if not isinstance(rule, EmbeddingRule):
        rule.vote(none, labels)
    elif not can_embed:
        raise RuleError(
            "it votes on embeddings, and nothing here makes them; give `embed`, as `wsal vote` and "
            "`wsal rules watch` do"
        )
    else:
        own = np.ones((len(rule.texts()), 1), dtype=np.float32)
        rule.vote_embedded(np.empty((0, 1), dtype=np.float32), own, labels)
    return None


def collect_votes(
    rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet, embed: Embed | None = None
) -> Votes:
    """The vote matrix `(texts, rules)`; columns in the order of the rules.

    `embed` makes the embeddings that similarity rules vote on.

    Raises:
        RuleError: a rule cannot vote; the message begins with its name.
    """
    votes = np.empty((len(records), len(rules)), dtype=np.int16, order="F")
    first = 0
    for chunk in compile_rules(rules, labels, records, embed).chunks(records):
        votes[first : first + len(chunk)] = chunk
        first += len(chunk)
    return votes


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Errors begin with the rule's name."""
    try:
        yield
    except WsalError as error:
        raise RuleError(f"rule {name!r}: {error}") from error
