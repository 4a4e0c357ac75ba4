"""Let rules vote on a pool."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import polars as pl

from wsal.api.pool import Pool
from wsal.api.tables import as_html, as_text
from wsal.arrays import Votes
from wsal.errors import RuleError
from wsal.label_models.sparse import SparseVotes
from wsal.labels import LabelSet
from wsal.members import members_of
from wsal.progress import progress_shown
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rounds.rule_report import report_tables
from wsal.rounds.vote_counts import count_by_voter
from wsal.rounds.voters import Voters
from wsal.rules.base import Rule
from wsal.rules.terms import Terms
from wsal.rules.terms import term_names as names_of_terms
from wsal.rules.voting import collect_by_term


@dataclass(frozen=True)
class VoteReport:
    """How well the rules do. A notebook shows all tables, `print` only the table of rules."""

    tables: Mapping[str, pl.DataFrame]
    """`rules`: coverage, overlap, conflict and, where gold labels are known, accuracy with a 95%
    interval; `pairs` of rules that vote on the same texts; `conflicts`; `examples`; `uncovered`,
    groups of texts that no rule votes on; and `voters`, the terms that votes are weighed by."""

    @property
    def rules(self) -> pl.DataFrame:
        """One row per rule."""
        return self.tables["rules"]

    @property
    def voters(self) -> pl.DataFrame:
        """One row per voter: terms with at least 5 votes, and each rule for its other votes."""
        return self.tables["voters"]

    def __str__(self) -> str:
        return as_text(self.rules)

    def _repr_html_(self) -> str:
        parts = [
            f"<h4>{name}</h4>{as_html(table)}" for name, table in self.tables.items() if len(table)
        ]
        return "".join(parts)


@dataclass(frozen=True, eq=False)
class PoolVotes:
    """The vote of each rule on each text."""

    pool: Pool
    rules: Mapping[str, Rule]
    matrix: Votes
    """`(texts, rules)`: the number of a class, or -1 where the rule abstains."""
    splits: Mapping[str, Votes]
    """The same for `dev` and `test`, which may be empty."""
    terms: Mapping[str, Terms] = field(default_factory=dict)
    """The terms (words of keyword rules, for example) that cast the votes on `pool`, `dev` and
    `test`; none if no rule has terms."""

    @cached_property
    def sparse(self) -> SparseVotes:
        """The votes in the form that label models take."""
        return self._sparse(self.matrix, "pool")

    def sparse_of(self, split: str) -> SparseVotes:
        """The same for `dev` or `test`, with the voters of the pool."""
        return self._sparse(self.splits[split], split)

    def _sparse(self, matrix: Votes, split: str) -> SparseVotes:
        votes = self._voters.with_terms(SparseVotes.of(matrix), self._terms_on(split))
        return replace(votes, members=members_of(self.pool.prepared.labels))

    @cached_property
    def _voters(self) -> Voters:
        return Voters.of(self._terms_on("pool"), self.matrix.shape[1])

    def _terms_on(self, split: str) -> Terms:
        return self.terms.get(split) or Terms.none()

    @property
    def coverage(self) -> float:
        """Share of the texts that at least one rule votes on, in [0, 1]."""
        return float((self.sparse.n_votes > 0).mean())

    def report(self, seed: int = 0) -> VoteReport:
        """Report how well the rules do. `seed` determines which examples are drawn."""
        pool, labels = self.pool, self.pool.prepared.labels
        names, term_names = list(self.rules), names_of_terms(self.rules)
        report = report_tables(self.matrix, pool.gold, pool.records, names, labels, seed)
        counts = count_by_voter(self.sparse, pool.gold)
        voters = self._voters.table(counts, names, term_names, labels)
        return VoteReport(report | {"voters": voters})

    def __repr__(self) -> str:
        n_texts, n_rules = self.matrix.shape
        return f"votes of {n_rules} rules on {n_texts:,} texts; coverage {self.coverage:.3f}"


def vote(rules: Mapping[str, Rule], pool: Pool, *, progress: bool = False) -> PoolVotes:
    """Let named rules vote on a pool and on its dev and test splits.

    `progress=True` shows a progress bar.

    Raises:
        RuleError: a rule names an unknown class or field, or cannot vote; all such rules are named.

    >>> from wsal.rules.patterns import Keyword
    >>> pool = Pool(["red mug", "blue cup"], labels=["Mugs", "Cups"])
    >>> vote({"mug": Keyword("Mugs", ["mug"])}, pool).matrix.tolist()
    [[0], [-1]]
    """
    if not isinstance(rules, Mapping):
        raise RuleError(
            f"rules is a {type(rules).__name__}; expected a mapping from a name to each rule, such "
            'as {"beans": Keyword("Coffee", ["beans"])}'
        )
    labels: LabelSet = pool.prepared.labels
    splits = {"pool": pool.records, "dev": pool.prepared.dev, "test": pool.prepared.test}
    with progress_shown(shown=progress):
        voted = {
            name: collect_by_term(rules, records, labels, embed_for_rules)
            for name, records in splits.items()
        }
    matrices = {name: of_split.votes for name, of_split in voted.items()}
    terms = {name: of_split.terms for name, of_split in voted.items()}
    return PoolVotes(pool, dict(rules), matrices.pop("pool"), matrices, terms)
