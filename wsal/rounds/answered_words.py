"""Answers to questions about words as voters of the label model.

The words that people named a class for are terms of a rule for this class, `answered words: CLASS`,
beside the user's rules. Such an answer takes the place of what rules make of the word: a term of a
rule that is this word does not vote any more. So the word neither counts twice, nor votes for a
class that a person has contradicted. The label model measures the precision of answered words like
that of others, but takes it to be at least `PURE`: otherwise people would not have named a class.

Where they answered that it depends, terms of rules that are this word still vote, as they tell more
than nothing, but their precision is taken to be at most `PURE`, whatever other rules say. Gold
texts correct the precision of both, as they do for other voters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.active.words import PURE
from wsal.annotation.questions import DEPENDS, answered_words
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.members import members_of
from wsal.rounds.pool_gold import gold_of_pool
from wsal.rounds.vote_counts import count_by_voter
from wsal.rounds.vote_tables import (
    VOTERS_FILE,
    Part,
    parts_of,
    read_rule_votes,
    read_terms,
    read_votes,
    votes_file,
)
from wsal.rounds.voters import REST, Voters
from wsal.rules.patterns import Keyword
from wsal.rules.terms import Terms
from wsal.rules.voting import collect_by_term
from wsal.shards import shard_files


@dataclass(frozen=True)
class AnsweredWords:
    """What people answered about words; possibly nothing."""

    labels: LabelSet
    answers: Mapping[str, str]  # word -> class or DEPENDS

    @classmethod
    def read(cls, pool: Artifact, annotations: Sequence[Artifact]) -> "AnsweredWords":
        """The answers of these rounds.

        Raises:
            AnnotationError: answers name classes that the data does not have.
        """
        labels = LabelSet.of_pool(pool.facts)
        return cls(labels, answered_words(pool, annotations))

    @property
    def rules(self) -> dict[str, Keyword]:
        """A rule for each class or parent that words were answered with, by its name."""
        words = {
            label: [word for word, answer in self.answers.items() if answer == label]
            for label in (*self.labels.names, *self.labels.parents)
        }
        return {f"answered words: {c}": Keyword(c, w) for c, w in words.items() if w}

    def read_votes(
        self, votes: Artifact, pool: Artifact, split: str, part: Part | None = None
    ) -> SparseVotes:
        """A split's votes, with those of answered words; of all its texts or of a part.

        Raises:
            TableError: the tables of the artifact do not fit together.
        """
        cast = self._read(votes, pool, split, part)
        return replace(cast, members=members_of(self.labels))

    def _read(self, votes: Artifact, pool: Artifact, split: str, part: Part | None) -> SparseVotes:
        if not self.answers:
            return read_votes(votes, split, part)
        matrix, terms, voters, _ = self._cast(votes, pool, split, part)
        matrix = voters.with_terms(matrix, terms)
        if matrix.by_term is None:
            return matrix
        bounds = self._bounds(voters, self._term_names(votes))
        return replace(matrix, by_term=replace(matrix.by_term, bounds=bounds))

    def voters_table(self, votes: Artifact, pool: Artifact) -> pl.DataFrame:
        """The table of all voters, those of answered words last: columns of schemas.VOTERS."""
        none = Part(0, range(0))
        _, _, voters, names = self._cast(votes, pool, "pool", none)
        counts, sizes = [], tables.rows_of_shards(pool.path / "pool.parquet")
        for shard, gold in enumerate(gold_of_pool(pool.path)):
            for part in parts_of(sizes, [shard]):
                matrix, terms, _, _ = self._cast(votes, pool, "pool", part)
                cast = replace(voters.with_terms(matrix, terms), members=members_of(self.labels))
                counts.append(count_by_voter(cast, gold[part.rows]))
        return voters.table(pl.concat(counts), names, self._term_names(votes), self.labels)

    def _cast(
        self, votes: Artifact, pool: Artifact, split: str, part: Part | None
    ) -> tuple[SparseVotes, Terms, Voters, list[str]]:
        """The votes of rules and of answered words, their terms, the voters, names of rules."""
        names = tables.rule_names(votes.path / votes_file(split))
        cast, terms, voters = read_rule_votes(votes.path, split, part), Terms.none(), None
        if (votes.path / VOTERS_FILE).exists():
            terms = read_terms(votes.path, split, part)
            table = tables.read(votes.path / VOTERS_FILE, schemas.VOTERS)
            voters = Voters.of_table(table, names)
            cast, terms = without_terms(cast, terms, self._replaced(table, voters))
        voters = voters or Voters.of(Terms.none(), len(names))
        rules = self.rules
        records = records_of(pool.path / f"{split}.parquet", part)
        more = collect_by_term(rules, records, self.labels)
        columns = range(len(names), len(names) + len(rules))
        own = [(j, t) for j, r in zip(columns, rules.values(), strict=True) for t in _terms_of(r)]
        voters = Voters(
            np.concatenate([voters.rules, np.array([j for j, _ in own], np.int32)]),
            np.concatenate([voters.terms, np.array([t for _, t in own], np.int32)]),
        )
        terms = Terms.joined([terms, more.terms.at(list(columns))]) if rules else terms
        return beside(cast, SparseVotes.of(more.votes)), terms, voters, [*names, *rules]

    def _replaced(self, table: pl.DataFrame, voters: Voters) -> list[tuple[int, int]]:
        """The terms of rules, as (rule, term), that an answered word takes the place of."""
        pairs = zip(table["term"], voters.rules, voters.terms, strict=True)
        return [
            (int(j), int(t)) for term, j, t in pairs if self._answer(term) not in (None, DEPENDS)
        ]

    def _answer(self, term: str | None) -> str | None:
        return self.answers.get(term.lower()) if term else None

    def _term_names(self, votes: Artifact) -> list[dict[int, str]]:
        """For each rule, the name of each term that is a voter."""
        names = tables.rule_names(votes.path / votes_file("pool"))
        of_rules: list[dict[int, str]] = [{} for _ in names]
        if (votes.path / VOTERS_FILE).exists():
            table = tables.read(votes.path / VOTERS_FILE, schemas.VOTERS).drop_nulls("number")
            for rule, term, number in table.select("rule", "term", "number").iter_rows():
                of_rules[names.index(rule)][number] = term
        return of_rules + [dict(enumerate(rule.term_names())) for rule in self.rules.values()]

    def _bounds(self, voters: Voters, term_names: Sequence[Mapping[int, str]]) -> np.ndarray:
        """`(voters, 2)`: the least and the highest precision of each."""
        n_rules = len(term_names) - len(self.rules)
        bounds = np.tile([0.0, 1.0], (len(voters.rules), 1))
        for voter, (rule, term) in enumerate(zip(voters.rules, voters.terms, strict=True)):
            if rule >= n_rules:
                bounds[voter] = PURE, 1.0
            elif term != REST and self._answer(term_names[rule][term]) == DEPENDS:
                bounds[voter] = 0.0, PURE
        return bounds


def records_of(path: Path, part: Part | None) -> pl.DataFrame:
    """What rules about words need: of all records, or of a part."""
    columns = ["id", "text", "fields"]
    if part is None:
        return tables.scan(path).select(columns).collect()
    return tables.take_part(shard_files(path)[part.shard], part.rows, columns)


def _terms_of(rule: Keyword) -> list[int]:
    """The voters of an answered rule: each of its words, and no others."""
    return [*range(len(rule.term_names())), REST]


def rows_with(words: Sequence[str], records: Path, labels: LabelSet) -> dict[str, Rows]:
    """The rows of a table that have each of these words, in any case, as a rule finds them.

    The table is read in parts.
    """
    if not words:
        return {}
    rule = Keyword(labels.names[0], tuple(words))
    terms = Terms.joined(
        [
            collect_by_term({"words": rule}, part, labels).terms.shifted(first)
            for first, part in tables.parts(records)
        ]
    )
    order = np.argsort(terms.terms, kind="stable")
    names = rule.term_names()
    ends = np.searchsorted(terms.terms[order], np.arange(len(names) + 1))
    return {
        name: terms.rows[order[ends[i] : ends[i + 1]]].astype(np.int64)
        for i, name in enumerate(names)
    }


def beside(votes: SparseVotes, more: SparseVotes) -> SparseVotes:
    """The votes of more rules on the same texts, in columns after the others.

    >>> both = beside(SparseVotes.of(np.array([[-1], [0]])), SparseVotes.of(np.array([[1], [1]])))
    >>> both.starts.tolist(), both.rules.tolist(), both.classes.tolist()
    ([0, 1, 3], [1, 0, 1], [1, 0, 1])
    """
    texts = [np.repeat(np.arange(len(v)), v.n_votes) for v in (votes, more)]
    rules = np.concatenate([votes.rules, more.rules + np.int32(votes.n_rules)])
    order = np.lexsort([rules, np.concatenate(texts)])
    classes = np.concatenate([votes.classes, more.classes])[order]
    return SparseVotes(
        votes.starts + more.starts, rules[order], classes, votes.n_rules + more.n_rules
    )


def without_terms(
    votes: SparseVotes, terms: Terms, dropped: Sequence[tuple[int, int]]
) -> tuple[SparseVotes, Terms]:
    """The votes and their terms without those that only the `dropped` terms cast: (rule, term)."""
    if not dropped:
        return votes, terms
    n_terms = max(int(terms.terms.max(initial=0)), *(t for _, t in dropped)) + 1
    keys = terms.rules.astype(np.int64) * n_terms + terms.terms
    kept = ~np.isin(keys, [rule * n_terms + term for rule, term in dropped])
    of_votes = np.repeat(np.arange(len(votes)), votes.n_votes) * votes.n_rules + votes.rules
    of_terms = terms.rows.astype(np.int64) * votes.n_rules + terms.rules
    # A vote goes if it had terms, and none of them is left; votes of rules without terms stay.
    lost = np.setdiff1d(of_terms[~kept], of_terms[kept])
    stays = ~np.isin(of_votes, lost)
    n_votes = np.bincount(of_votes[stays] // max(votes.n_rules, 1), minlength=len(votes))
    starts = np.concatenate([[0], np.cumsum(n_votes)]).astype(np.int64)
    left = SparseVotes(starts, votes.rules[stays], votes.classes[stays], votes.n_rules)
    return left, Terms(terms.rows[kept], terms.rules[kept], terms.terms[kept])
