"""Let every rule vote on every record: a chunk of records at a time, each kind of rule together."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import polars as pl

from wsal.arrays import Vote, Votes
from wsal.errors import RuleError, listed
from wsal.labels import LabelSet
from wsal.rules.base import (
    Embed,
    Rule,
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
    names = list(rules)
    with ExitStack() as resources:
        context = VotingContext(records, labels, embed, resources)
        kinds = _by_kind(rules)
        columns = [[names.index(name) for name in members] for members in kinds.values()]
        voters = [together(members, context) for together, members in kinds.items()]
        threads = resources.enter_context(ThreadPoolExecutor(2))  # they mostly run native code
        begun: deque[tuple[int, list[Future[Votes | Voted]]]] = deque()

        def finished() -> Voted:
            n, parts = begun.popleft()
            votes = np.empty((n, len(names)), dtype=np.int16, order="F")
            terms = []
            for places, part in zip(columns, parts, strict=True):
                voted = part.result()
                if isinstance(voted, Voted):
                    terms.append(voted.terms.at(places))
                    voted = voted.votes
                votes[:, places] = voted
            return Voted(votes, Terms.joined(terms))

        for first in range(0, len(records), CHUNK):
            rows = slice(first, min(first + CHUNK, len(records)))
            parts = [threads.submit(voter, rows) for voter in voters]
            begun.append((rows.stop - first, parts))
            if len(begun) == AHEAD:
                yield finished()
        while begun:
            yield finished()


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

    def vote(rows: slice) -> Voted:
        records = context.records[rows]
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
