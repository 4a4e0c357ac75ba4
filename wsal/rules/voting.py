"""Let every rule vote on every record: a chunk of records at a time, each kind of rule together."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import polars as pl

from wsal.arrays import Vote, Votes
from wsal.errors import RuleError, listed
from wsal.labels import LabelSet
from wsal.rules.base import (
    Embed,
    Rule,
    Sample,
    TermRule,
    VoteRows,
    VoteTogether,
    VotingContext,
    naming,
)
from wsal.rules.terms import Terms, Voted

CHUNK = 100_000  # records: bounds memory, and is large enough to keep two threads busy
AHEAD = 4  # chunks begun before the first of them must be finished
RESERVED = "id"  # the first column of every table of votes


def collect_votes(
    rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet, embed: Embed | None = None
) -> Votes:
    """The vote matrix `(records, rules)` int16; columns in the order of the rules.

    Args:
        rules: by name.
        records: a table with the columns `id`, `text` and `fields` (a struct).
        labels: the classes that the rules may vote for.
        embed: makes the embeddings that similarity rules compare.

    Raises:
        RuleError: a rule cannot vote; the message begins with its name.
    """
    return collect_by_term(rules, records, labels, embed).votes


def collect_by_term(
    rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet, embed: Embed | None = None
) -> Voted:
    """The same as `collect_votes`, with the terms that cast the votes."""
    votes = np.empty((len(records), len(rules)), dtype=np.int16, order="F")
    terms = []
    first = 0
    for chunk in vote_in_chunks(rules, records, labels, embed):
        votes[first : first + len(chunk)] = chunk.votes
        terms.append(chunk.terms.shifted(first))
        first += len(chunk)
    return Voted(votes, Terms.joined(terms))


def vote_in_chunks(
    rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet, embed: Embed | None = None
) -> Iterator[Voted]:
    """The rows of `collect_by_term`, a chunk at a time, so that not all need to be in memory.

    The terms of a chunk number its rows from 0.
    """
    check_rules(rules, records, labels)
    with ExitStack() as resources:
        context = VotingContext(labels, Sample.of(records), embed, resources)
        for _, voted in CompiledRules.of(rules, context).vote(records.iter_slices(CHUNK)):
            yield voted


@dataclass(frozen=True)
class CompiledRules:
    """Rules that are ready to vote on any number of chunks of records."""

    n_rules: int
    kinds: Sequence[tuple[Sequence[int], VoteRows]]
    """For each kind of rule, the columns of its rules, and what computes their votes."""

    @classmethod
    def of(cls, rules: Mapping[str, Rule], context: VotingContext) -> "CompiledRules":
        """Compile the rules, each kind together; they must have passed `check_rules`."""
        names = list(rules)
        kinds = [
            ([names.index(name) for name in members], together(members, context))
            for together, members in _by_kind(rules).items()
        ]
        return cls(len(names), kinds)

    def vote(
        self, chunks: Iterable[pl.DataFrame], first: int = 0
    ) -> Iterator[tuple[pl.DataFrame, Voted]]:
        """Each chunk with its votes; terms number the rows of a chunk from 0.

        Args:
            chunks: records, of which a few chunks are in memory at the same time.
            first: the row of the first record among all.
        """
        begun: deque[tuple[pl.DataFrame, list[Future[Votes | Voted]]]] = deque()
        with ThreadPoolExecutor(2) as threads:  # they mostly run native code
            for chunk in chunks:
                parts = [threads.submit(vote, chunk, first) for _, vote in self.kinds]
                begun.append((chunk, parts))
                first += len(chunk)
                if len(begun) == AHEAD:
                    yield self._finished(*begun.popleft())
            while begun:
                yield self._finished(*begun.popleft())

    def _finished(
        self, chunk: pl.DataFrame, parts: Sequence[Future[Votes | Voted]]
    ) -> tuple[pl.DataFrame, Voted]:
        votes = np.empty((len(chunk), self.n_rules), dtype=np.int16, order="F")
        terms = []
        for (columns, _), part in zip(self.kinds, parts, strict=True):
            voted = part.result()
            if isinstance(voted, Voted):
                terms.append(voted.terms.at(columns))
                voted = voted.votes
            votes[:, columns] = voted
        return chunk, Voted(votes, Terms.joined(terms))


def check_rules(rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet) -> None:
    """Let each rule vote on no records, to report what is wrong with any of them before the work.

    Raises:
        RuleError: a rule names an unknown class or field, has a regex that is refused, or has a
            reserved name. Names all such rules.
    """
    none = records.head(0)
    errors: list[RuleError] = []
    for name, rule in rules.items():
        try:
            with naming(name):
                _check_name(name)
                rule.vote(none, labels)
        except RuleError as error:
            errors.append(error)
    if len(errors) > 1:
        raise RuleError(f"{len(errors)} rules are wrong:{listed([*map(str, errors)])}")
    if errors:
        raise errors[0]


def _check_name(name: str) -> None:
    if name == RESERVED:
        raise RuleError(
            "the table of votes has a column of this name for the ids of the texts; give the rule "
            "another name"
        )


def _by_kind(rules: Mapping[str, Rule]) -> dict[VoteTogether, dict[str, Rule]]:
    """The rules by the function that computes their votes."""
    kinds: dict[VoteTogether, dict[str, Rule]] = {}
    for name, rule in rules.items():
        together = getattr(type(rule), "vote_together", _one_by_one)
        kinds.setdefault(together, {})[name] = rule
    return kinds


def _one_by_one(rules: Mapping[str, Rule], context: VotingContext) -> VoteRows:
    """The votes of rules whose kind has no `vote_together`."""

    def vote(records: pl.DataFrame, _first: int) -> Voted:
        votes = np.empty((len(records), len(rules)), dtype=np.int16, order="F")
        terms = []
        for j, (name, rule) in enumerate(rules.items()):
            with naming(name):
                if isinstance(rule, TermRule):
                    voted = rule.vote_by_term(records, context.labels)
                    terms.append(voted.terms.at([j]))
                    votes[:, j] = _checked(voted.votes.ravel(), len(records))
                else:
                    votes[:, j] = _checked(rule.vote(records, context.labels), len(records))
        return Voted(votes, Terms.joined(terms))

    return vote


def _checked(votes: Vote | Sequence[int], n: int) -> np.ndarray:
    column = np.asarray(votes)
    if column.shape != (n,):
        raise RuleError(
            f"its `vote` returned an array of shape {column.shape}; expected ({n},): one class "
            "index, or -1 to abstain, for each record"
        )
    return column
