"""What a rule is, and how a kind of rule computes the votes of many rules together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import polars as pl

from wsal.arrays import Embeddings, Vote, Votes
from wsal.errors import RuleError, UnknownNameError, WsalError
from wsal.labels import LabelSet
from wsal.rules.terms import Voted
from wsal.text import clean_text

Strings = tuple[str, ...] | list[str]
"""What a parameter for several words or fields takes; rules keep it as a tuple."""

ALL_UP_TO = 100_000  # records that rules may learn from
OF_MORE = 20_000  # about how many records rules learn from if there are more than that


class Embed(Protocol):
    """From texts and the path of an encoder to unit vectors `(texts, dims)`.

    The code that collects votes passes it in, so that rules never import torch.
    """

    def __call__(
        self, texts: Sequence[str], encoder: str, *, learned_from: Sequence[str] | None = None
    ) -> Embeddings:
        """Embed the texts.

        Args:
            texts: to embed.
            encoder: as in `encoder.path`.
            learned_from: the texts that give an encoder without a vocabulary its words; by
                default, the texts to embed.
        """
        ...


@runtime_checkable
class Rule(Protocol):
    """Votes on a table of records (Snorkel calls it a labeling function). Holds settings only.

    A new kind of rule is a class with this method. If votes are cheaper to compute for many rules
    of the kind at once, the class also has a static method or class method `vote_together`; see
    `VoteTogether`. Rules of other kinds vote one after the other.

    If the rules of the kind consist of terms that are worth telling apart, see `TermRule`.
    """

    def vote(self, records: pl.DataFrame, labels: LabelSet) -> Vote:
        """`(records,)` int16: for each record the index of a class, or `ABSTAIN`.

        `records` has the columns `id`, `text`, and `fields`, a struct with the data's own columns.
        Every rule is first called with no records, so that mistakes in its settings are reported
        before any text is read.

        Raises:
            UnknownNameError: the rule names a class or a field that the data does not have.
        """
        ...


@runtime_checkable
class NamesClasses(Protocol):
    """A rule with class names in its settings or files, other than `label`."""

    def class_names(self) -> Iterable[str]:
        """The names, cleaned; some may occur several times."""
        ...


def named_classes(rule: Rule) -> set[str]:
    """The classes that a rule names in its settings; a function names them in its answers only."""
    if isinstance(rule, NamesClasses):
        return set(rule.class_names())
    label = getattr(rule, "label", None)
    return {clean_text(label) or label} if isinstance(label, str) else set()


@runtime_checkable
class TermRule(Rule, Protocol):
    """A rule that says which of its terms cast each vote, so that each is weighed by itself."""

    def term_names(self) -> Sequence[str]:
        """The terms, each of them once; their order does not depend on the records."""
        ...

    def vote_by_term(self, records: pl.DataFrame, labels: LabelSet) -> Voted:
        """The votes `(records, 1)`, and the terms that cast them.

        Not needed if `vote_together` returns the terms.
        """
        ...


@dataclass(frozen=True)
class Sample:
    """Records that rules may learn from: all up to 100,000, and of more about 20,000, evenly.

    Rules get the records that they vote on in parts, and may not learn from these: votes must not
    depend on how a pool is divided.
    """

    n_all: int
    """How many records the rules vote on."""
    every: Callable[[int], pl.DataFrame]
    """From a step to every `step`-th of these records."""

    @classmethod
    def of(cls, records: pl.DataFrame) -> "Sample":
        """The sample of records in memory."""
        return cls(len(records), records.gather_every)

    @property
    def step(self) -> int:
        """The distance between two records of the sample; 1 if it has all records."""
        return 1 if self.n_all <= ALL_UP_TO else -(-self.n_all // OF_MORE)

    @cached_property
    def records(self) -> pl.DataFrame:
        """The sample; it is read only if a rule wants it."""
        return self.every(self.step)


@dataclass(frozen=True)
class VotingContext:
    """What rules may need to vote."""

    labels: LabelSet
    sample: Sample
    embed: Embed | None = None
    resources: ExitStack = field(default_factory=ExitStack)
    """Closed after the last vote; for example, a pool of processes is entered here."""
    failures: dict[str, list[str]] = field(default_factory=dict)
    """For each rule that tolerates failures, a description of each so far in this shard."""
    removed: set[str] = field(default_factory=set)
    """The rules that named a class that was removed, so far in this shard."""

    def note_removed(self, rule: str, names: Collection[str]) -> None:
        """Note that a rule abstains where it named these classes, which were removed."""
        if names:
            self.removed.add(rule)


VoteRows = Callable[[pl.DataFrame, int], Votes | Voted]
"""From some of the records, and the row of the first of them among all, to their votes.

The votes are `(records, rules)` int16, maybe with their terms. Several threads call it at the same
time.
"""

VoteTogether = Callable[[Mapping[str, Any], VotingContext], VoteRows]
"""From all rules of a kind, by name, to the function that computes their votes.

It is called once, before the first vote: the place to compile patterns or to embed texts. Kinds
that share the function (as Keyword and Regex do) are computed together. Errors of a single rule
are raised under `naming(name)`.
"""


@contextmanager
def naming(rule: str) -> Iterator[None]:
    """Errors raised in this context begin with the name of the rule."""
    try:
        yield
    except WsalError as error:
        raise RuleError(f"rule {rule!r}: {error}") from error


def as_tuple(values: Strings, parameter: str) -> tuple[str, ...]:
    """The words or fields as a tuple.

    Raises:
        RuleError: `values` is a single string, whose letters would be taken for the words.

    >>> as_tuple(["tea", "pot"], "words")
    ('tea', 'pot')
    """
    if isinstance(values, str):
        raise RuleError(f"{parameter} is the text {values!r}; expected a list: [{values!r}]")
    return tuple(values)


def field_names(records: pl.DataFrame) -> list[str]:
    """The names of the records' fields."""
    return [f.name for f in records.schema["fields"].fields]  # type: ignore[attr-defined]


def column(records: pl.DataFrame, name: str | None) -> pl.Series:
    """A field of the records (null where missing) or, for None, the whole text."""
    if name is None:
        return records["text"]
    names = field_names(records)
    if name not in names:
        raise UnknownNameError("field", name, names)
    return records["fields"].struct.field(name)


def unnested(records: pl.DataFrame) -> pl.DataFrame:
    """The whole text as `text` and each field as a column; a field named `text` is left out."""
    names = [name for name in field_names(records) if name != "text"]
    return records.select("text", *(pl.col("fields").struct.field(name) for name in names))
