"""What is counted of the votes: how often each voter votes, and how often it is right.

A shard counts for itself. Which terms are voters of their own depends on the votes of all shards,
so a shard also hands on the few votes of those terms that are rare in it: several of them on one
text count as one vote of the rest of their rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.voters import LEAST_OF_TERM, REST, Voters
from wsal.rules.terms import Terms
from wsal.shards import shard_files

KEYS = ("rule", "term", "class")
SUMS = ("n", "known", "right")  # votes, of those the ones on texts with gold, and the right ones
TERM_COUNTS: tables.Schema = {
    "rule": pl.Int32,
    "term": pl.Int32,  # REST of a rule without terms
    "class": pl.Int16,
    **dict.fromkeys(SUMS, pl.Int64),
}
RARE_TERMS: tables.Schema = {"text": pl.Int32, **TERM_COUNTS}


@dataclass(frozen=True)
class VoteCounts:
    """Votes by rule, term and class, and the votes of rare terms."""

    counts: pl.DataFrame  # with the schema TERM_COUNTS
    rare: pl.DataFrame  # with the schema RARE_TERMS

    @classmethod
    def of(
        cls, votes: Votes, terms: Terms, gold: Classes, has_terms: Sequence[bool]
    ) -> "VoteCounts":
        """Count the votes on some texts.

        Args:
            votes: `(texts, rules)`.
            terms: that cast them.
            gold: `(texts,)`, -1 where unknown.
            has_terms: whether each rule has terms.
        """
        entries = _entries(terms.rows, terms.rules, terms.terms, votes, gold)
        of_rules = np.flatnonzero(~np.asarray(has_terms, dtype=bool))
        places, rows = np.nonzero(votes.T[of_rules] != ABSTAIN)
        whole = _entries(rows, of_rules[places], np.full(len(rows), REST), votes, gold)
        by_term = _summed(entries)
        return cls(pl.concat([by_term, _summed(whole)]), _of_rare(entries, by_term))

    @classmethod
    def none(cls) -> "VoteCounts":
        """Of no texts."""
        return cls(pl.DataFrame(schema=TERM_COUNTS), pl.DataFrame(schema=RARE_TERMS))

    @classmethod
    def joined(cls, parts: Sequence["VoteCounts"]) -> "VoteCounts":
        """The counts of all texts together; those of each part have other numbers."""
        counts = summed(part.counts for part in parts)
        return cls(counts, _of_rare(pl.concat([part.rare for part in parts]), counts))

    def shifted(self, first: int) -> "VoteCounts":
        """The same where text 0 is text `first`."""
        return VoteCounts(self.counts, self.rare.with_columns(pl.col("text") + first))


def summed(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The sum of several tables with the schema `TERM_COUNTS`, in a fixed order."""
    return _summed(pl.concat(parts)).sort(KEYS)


def voters_of(counts: pl.DataFrame, n_rules: int) -> Voters:
    """The voters, from such a table of the whole pool."""
    often = counts.filter(pl.col("term") != REST).group_by("rule", "term").agg(pl.col("n").sum())
    return Voters.of_frequent(often.filter(pl.col("n") >= LEAST_OF_TERM), n_rules)


def counts_by_voter(voters: Voters, counts: pl.DataFrame, rare: Path) -> pl.DataFrame:
    """The votes of each voter on the whole pool: what `Voters.table` takes.

    Args:
        voters: the voters of the pool.
        counts: `summed` over the shards.
        rare: the dataset with each shard's votes of rare terms.
    """
    place = pl.DataFrame({"rule": voters.rules, "term": voters.terms}).with_row_index("voter")
    rest = place.filter(pl.col("term") == REST).drop("term")
    parts = [counts.join(place, on=["rule", "term"])]
    for file in shard_files(rare):
        of_rest = tables.read(file, RARE_TERMS).join(place, on=["rule", "term"], how="anti")
        parts.append(of_rest.unique(["text", "rule"]).drop("text").join(rest, on="rule"))
    joined = pl.concat([part.select("voter", "class", *SUMS) for part in parts])
    return joined.group_by("voter", "class").agg(pl.col(*SUMS).sum())


def count_by_voter(votes: SparseVotes, gold: Classes) -> pl.DataFrame:
    """The same of votes in memory, with those of voters; `gold` `(texts,)` is -1 where unknown."""
    cast = votes.voters
    true = np.repeat(gold, cast.n_votes)
    entries = pl.DataFrame({"voter": cast.rules.astype(np.uint32), "class": cast.classes})
    entries = entries.with_columns(_sums(cast.classes, true))
    return entries.group_by("voter", "class").agg(pl.col(*SUMS).sum())


def _summed(entries: pl.DataFrame) -> pl.DataFrame:
    return entries.group_by(KEYS).agg(pl.col(*SUMS).sum())


def _entries(
    rows: np.ndarray, rules: np.ndarray, terms: np.ndarray, votes: Votes, gold: Classes
) -> pl.DataFrame:
    classes = votes[rows, rules]
    columns = {"text": rows, "rule": rules, "term": terms, "class": classes}
    frame = pl.DataFrame(columns, schema={n: RARE_TERMS[n] for n in columns})
    return frame.with_columns(_sums(classes, gold[rows]))


def _sums(classes: np.ndarray, gold: np.ndarray) -> list[pl.Series]:
    sums = (np.ones(len(classes), np.int64), gold != ABSTAIN, gold == classes)
    return [pl.Series(name, of.astype(np.int64)) for name, of in zip(SUMS, sums, strict=True)]


def _of_rare(entries: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """The entries of terms with too few votes here to be sure that they are voters."""
    often = counts.group_by("rule", "term").agg(pl.col("n").sum())
    often = often.filter(pl.col("n") >= LEAST_OF_TERM)
    rare = entries.join(often, on=["rule", "term"], how="anti", maintain_order="left")
    return rare.select(*RARE_TERMS)
