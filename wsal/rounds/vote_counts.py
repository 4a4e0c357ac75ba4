"""What is counted of the votes: how often each voter votes, and how often it is right.

Each shard is counted alone. Which terms are voters of their own depends on the votes of all shards,
so a shard also passes on the few votes of the terms that are rare in it: several of them on the
same text count as one vote of the rest of their rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.arrays import ABSTAIN, Classes, Mask, Vote, Votes
from wsal.label_models.sparse import SparseVotes
from wsal.members import judge
from wsal.rounds.voters import LEAST_OF_TERM, REST, Voters
from wsal.rules.terms import Terms
from wsal.shards import shard_files

KEYS = ("rule", "term", "class")
SUMS = ("n", "known", "right")  # votes; those on texts with gold; those of them that are right
TERM_COUNTS: schemas.Schema = {
    "rule": pl.Int32,
    "term": pl.Int32,  # REST of a rule without terms
    "class": pl.Int16,
    **dict.fromkeys(SUMS, pl.Int64),
}
RARE_TERMS: schemas.Schema = {"text": pl.Int32, **TERM_COUNTS}


@dataclass(frozen=True)
class VoteCounts:
    """Votes by rule, term and class, and the votes of rare terms."""

    counts: pl.DataFrame  # with the schema TERM_COUNTS
    rare: pl.DataFrame  # with the schema RARE_TERMS

    @classmethod
    def of(
        cls,
        votes: Votes,
        terms: Terms,
        gold: Classes,
        has_terms: Sequence[bool],
        members: Mask | None = None,
    ) -> "VoteCounts":
        """Count the votes on some texts.

        Args:
            votes: `(texts, rules)`.
            terms: the terms that cast them.
            gold: `(texts,)`, -1 where unknown.
            has_terms: whether each rule has terms.
            members: `(codes, classes)`, if votes or gold may be for parents.
        """
        classes, truth = votes[terms.rows, terms.rules], gold[terms.rows]
        right, known = judge(classes, truth, members)
        n_terms, n_classes = int(terms.terms.max(initial=0)) + 1, int(classes.max(initial=0)) + 1
        pair = terms.rules.astype(np.int64) * n_terms + terms.terms
        entries = pl.DataFrame(
            {
                "text": terms.rows,
                "rule": terms.rules,
                "term": terms.terms,
                "class": classes,
                "known": known & (truth != ABSTAIN),
                "right": right & (truth != ABSTAIN),
                "pair": pair,  # grouping by a single number is several times as fast
                "key": pair * n_classes + classes,
            }
        )
        sums = (pl.len().alias("n"), pl.sum("known", "right"))
        counts = entries.group_by("key").agg(pl.first("pair", *KEYS), *sums)
        of_pair = counts.group_by("pair").agg(pl.sum("n"))
        few = of_pair.filter(pl.col("n") < LEAST_OF_TERM)["pair"].implode()
        rare = entries.filter(pl.col("pair").is_in(few)).with_columns(n=1)
        whole = [
            _of_rule(j, votes[:, j], gold, members) for j, has in enumerate(has_terms) if not has
        ]
        counts = pl.concat([counts.select(_typed(TERM_COUNTS)), *whole])
        return cls(counts, rare.select(_typed(RARE_TERMS)))

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
        """The same counts, with text 0 numbered `first`."""
        return VoteCounts(self.counts, self.rare.with_columns(pl.col("text") + first))


def summed(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The sum of several tables with the schema `TERM_COUNTS`, in a fixed order."""
    return _summed(pl.concat(parts)).sort(KEYS)


def voters_of(counts: pl.DataFrame, n_rules: int) -> Voters:
    """The voters, from the `summed` counts of the whole pool."""
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
    """As `counts_by_voter`, from votes in memory; `gold` `(texts,)` is -1 where unknown."""
    cast = votes.voters
    truth = np.repeat(gold, cast.n_votes)
    right, known = judge(cast.classes, truth, votes.members)
    entries = pl.DataFrame(
        {
            "voter": cast.rules.astype(np.uint32),
            "class": cast.classes,
            "known": known & (truth != ABSTAIN),
            "right": right & (truth != ABSTAIN),
        }
    )
    of_class = entries.group_by("voter", "class")
    return of_class.agg(n=pl.len(), known=pl.sum("known"), right=pl.sum("right"))


def _summed(entries: pl.DataFrame) -> pl.DataFrame:
    return entries.group_by(KEYS).agg(pl.col(*SUMS).sum())


def _of_rule(rule: int, votes: Vote, gold: Classes, members: Mask | None) -> pl.DataFrame:
    """The counts of a rule without terms."""
    rows = np.flatnonzero((gold != ABSTAIN) & (votes != ABSTAIN))
    is_right, known = judge(votes[rows], gold[rows], members)
    rows, right = rows[known], rows[is_right]
    size = int(votes.max(initial=ABSTAIN)) + 2
    n, known, right = (
        np.bincount(v + 1, minlength=size)[1:] for v in (votes, votes[rows], votes[right])
    )
    frame = pl.DataFrame({"n": n, "known": known, "right": right}).with_columns(
        pl.lit(rule).alias("rule"),
        pl.lit(REST).alias("term"),
        pl.int_range(pl.len()).alias("class"),
    )
    return frame.filter(pl.col("n") > 0).select(_typed(TERM_COUNTS))


def _typed(schema: schemas.Schema) -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in schema.items()]


def _of_rare(entries: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """The entries of terms with too few votes here to be sure that they are voters."""
    often = counts.group_by("rule", "term").agg(pl.col("n").sum())
    often = often.filter(pl.col("n") >= LEAST_OF_TERM)
    rare = entries.join(often, on=["rule", "term"], how="anti", maintain_order="left")
    return rare.select(*RARE_TERMS)
