"""Who votes in the label model: terms that vote often, and rules for the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from wsal import schemas
from wsal.errors import TableError
from wsal.label_models.sparse import SparseVotes, TermVotes
from wsal.labels import LabelSet
from wsal.rules.analysis import interval
from wsal.rules.terms import Terms

LEAST_OF_TERM = 5
"""Votes in the pool from which a term is a voter of its own."""
REST = -1
"""In the place of a term: the whole rule or, if some of its terms are voters, all others."""


@dataclass(frozen=True)
class Voters:
    """The voters of each rule, one rule after the other: its frequent terms, and its rest."""

    rules: NDArray[np.int32]  # (voters,): columns of the votes
    terms: NDArray[np.int32]  # (voters,): positions in the rule's `term_names()`, or REST

    @classmethod
    def of(cls, terms: Terms, n_rules: int) -> "Voters":
        """The voters by the terms that cast the votes on the pool.

        >>> terms = Terms.of(np.arange(7), np.ones(7, int), np.array([0, 0, 0, 2, 0, 0, 0]))
        >>> voters = Voters.of(terms, n_rules=2)
        >>> voters.rules.tolist(), voters.terms.tolist()
        ([0, 1, 1], [-1, 0, -1])
        """
        entries = pl.DataFrame({"rule": terms.rules, "term": terms.terms})
        counts = entries.group_by("rule", "term").len()
        return cls.of_frequent(counts.filter(pl.col("len") >= LEAST_OF_TERM), n_rules)

    @classmethod
    def of_frequent(cls, often: pl.DataFrame, n_rules: int) -> "Voters":
        """The voters by the terms with enough votes: columns `rule` and `term`."""
        rules = np.concatenate([often["rule"].to_numpy(), np.arange(n_rules)]).astype(np.int32)
        named = np.concatenate([often["term"].to_numpy(), np.full(n_rules, REST)]).astype(np.int32)
        order = np.lexsort([named, named == REST, rules])
        return cls(rules[order], named[order])

    def with_terms(self, votes: SparseVotes, terms: Terms) -> SparseVotes:
        """The votes of the rules with those of the voters, if any of these is a term.

        Args:
            votes: of the rules, in ascending order on each text.
            terms: that cast the votes.

        Raises:
            TableError: the terms are not those of the votes.
        """
        named = self.terms != REST
        if not named.any():
            return votes
        rest = np.flatnonzero(~named).astype(np.int32)  # (rules,)
        is_split = np.zeros(votes.n_rules, dtype=bool)  # whether terms of the rule are voters
        is_split[self.rules[named]] = True
        texts = np.repeat(np.arange(len(votes), dtype=np.int32), votes.n_votes)
        whole, split = (np.flatnonzero(is_split[votes.rules] == value) for value in (False, True))
        mine = is_split[terms.rules]
        rows, rules, numbers = terms.rows[mine], terms.rules[mine], terms.terms[mine]
        # Votes and terms are sorted alike, so that the entries of a vote stand together.
        first = (np.diff(rows, prepend=-1) != 0) | (np.diff(rules, prepend=-1) != 0)
        if not (
            np.array_equal(rows[first], texts[split])
            and np.array_equal(rules[first], votes.rules[split])
        ):
            raise TableError(
                "the tables of votes and of the terms that cast them do not fit together: a rule "
                "with terms votes without one, or a term without its rule; rerun `wsal vote`"
            )
        vote = split[np.cumsum(first) - 1]
        voters = self._of_entries(rules, numbers, rest)
        is_rest = voters == rest[rules]
        once = ~is_rest  # several rare terms cast one vote of the rest
        once[np.flatnonzero(is_rest)[np.diff(vote[is_rest], prepend=-1) != 0]] = True
        vote = np.concatenate([whole, vote[once]])
        columns = np.concatenate([rest[votes.rules[whole]], voters[once]]).astype(np.int32)
        shape = (len(votes), len(self.rules))
        entries = sparse.coo_matrix((votes.classes[vote], (texts[vote], columns)), shape).tocsr()
        by_text = entries.indptr.astype(np.int64), entries.indices.astype(np.int32), entries.data
        return replace(votes, by_term=TermVotes(SparseVotes(*by_text, len(self.rules)), self.rules))

    def _of_entries(self, rules: np.ndarray, terms: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """The voter of each entry: its term, else the rest of its rule."""
        named = np.flatnonzero(self.terms != REST)
        n_terms = int(max(self.terms.max(), terms.max(initial=0))) + 1
        keys = self.rules[named].astype(np.int64) * n_terms + self.terms[named]
        wanted = rules.astype(np.int64) * n_terms + terms
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        voters: np.ndarray = np.where(keys[place] == wanted, named[place], rest[rules])
        return voters

    def table(
        self,
        counts: pl.DataFrame,
        names: Sequence[str],
        term_names: Sequence[Sequence[str] | Mapping[int, str]],
        labels: LabelSet,
    ) -> pl.DataFrame:
        """A table with the schema `schemas.VOTERS`, a row for each voter.

        Args:
            counts: the votes of each voter on the pool: `voter` (a row here), `class`, `n`, and of
                those on texts with gold the number that is `known` and `right`.
            names: of the rules.
            term_names: the names of each rule's terms.
            labels: the classes.
        """
        of_voters = counts.group_by("voter").agg(
            pl.col("n", "known", "right").sum(), pl.col("class").unique().sort()
        )
        by_voter = {row["voter"]: row for row in of_voters.iter_rows(named=True)}
        nothing = {"n": 0, "class": [], "known": 0, "right": 0}
        rows = []
        for voter, (rule, term) in enumerate(zip(self.rules, self.terms, strict=True)):
            row = by_voter.get(voter, nothing)
            low, high = interval(row["right"], row["known"])
            rows.append(
                {
                    "rule": names[rule],
                    "term": None if term == REST else term_names[rule][term],
                    "number": None if term == REST else int(term),
                    "classes": [labels.answers[c] for c in row["class"]],
                    "n_votes": row["n"],
                    "n_gold": row["known"],
                    "accuracy": row["right"] / row["known"] if row["known"] else None,
                    "low": low,
                    "high": high,
                }
            )
        return pl.DataFrame(rows, schema=schemas.VOTERS)

    @classmethod
    def of_table(cls, table: pl.DataFrame, names: Sequence[str]) -> "Voters":
        """The voters of such a table; `names` are those of the rules, as columns of the votes."""
        column = {name: j for j, name in enumerate(names)}
        rules = np.array([column[name] for name in table["rule"]], dtype=np.int32)
        return cls(rules, table["number"].fill_null(REST).to_numpy().astype(np.int32))
