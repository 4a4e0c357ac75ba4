"""The tables of the vote stage: votes, the terms that cast them, and the voters.

A pool with several shards has a table of votes and one of terms for each; a table of terms counts
rows within its shard.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.arrays import Rows
from wsal.artifacts import Artifact
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.voters import Voters
from wsal.rules.terms import Terms
from wsal.shards import shard_files

VOTERS_FILE = "voters.parquet"
PART = 250_000  # texts whose votes are processed at once
RULES_AT_ONCE = 100  # read together, so that a thousand rules take little memory


@dataclass(frozen=True)
class Part:
    """Some rows of a shard, counted within it and in ascending order."""

    shard: int
    rows: range | Rows

    @property
    def first(self) -> int:
        """The first of the rows; 0 if there is none."""
        return int(self.rows[0]) if len(self.rows) else 0


def parts_of(sizes: Sequence[int], shards: Sequence[int] | None = None) -> Iterator[Part]:
    """All rows of a dataset, or of these shards of it, in parts of at most `PART`.

    `sizes` are the rows of each shard. There is a part even if there is no row.
    """
    for shard in range(len(sizes)) if shards is None else shards:
        for first in range(0, max(sizes[shard], 1), PART):
            yield Part(shard, range(first, min(first + PART, sizes[shard])))


def parts_at(rows: Rows, sizes: Sequence[int]) -> Iterator[Part]:
    """These rows of a dataset, ascending; a part for each shard that has some."""
    ends = np.cumsum(sizes)
    shard_of_row = np.searchsorted(ends, rows, side="right")
    for shard in np.unique(shard_of_row):
        first = int(ends[shard]) - sizes[shard]
        yield Part(int(shard), rows[shard_of_row == shard] - first)


def read_votes(votes: Artifact, split: str, part: Part | None = None) -> SparseVotes:
    """A split's votes, and those of each term; the latter not from a version without them.

    Raises:
        TableError: the tables of the artifact do not fit together.
    """
    cast = read_rule_votes(votes.path, split, part)
    if not (votes.path / VOTERS_FILE).exists():
        return cast
    table = tables.read(votes.path / VOTERS_FILE, schemas.VOTERS)
    voters = Voters.of_table(table, tables.rule_names(votes.path / votes_file(split)))
    return voters.with_terms(cast, read_terms(votes.path, split, part))


def read_rule_votes(folder: Path, split: str, part: Part | None = None) -> SparseVotes:
    """A split's votes, of all rows or of a part."""
    path = folder / votes_file(split)
    if part is None:
        return SparseVotes.joined(
            [read_rule_votes(folder, split, each) for each in parts_of(tables.rows_of_shards(path))]
        )
    file, names = shard_files(path)[part.shard], tables.rule_names(path)
    columns = (
        column.to_numpy()
        for i in range(0, len(names), RULES_AT_ONCE)
        for column in tables.take_part(file, part.rows, names[i : i + RULES_AT_ONCE]).get_columns()
    )
    return SparseVotes.of_columns(columns, len(part.rows))


def read_terms(folder: Path, split: str, part: Part | None = None) -> Terms:
    """The terms that cast the votes of a split, on all its rows or on a part."""
    path = folder / terms_file(split)
    if part is None:
        sizes = tables.rows_of_shards(folder / votes_file(split))
        firsts = np.cumsum([0, *sizes])
        each = [
            _terms(tables.read(file, schemas.TERMS)).shifted(int(first))
            for file, first in zip(shard_files(path), firsts[:-1], strict=True)
        ]
        return Terms.joined(each)
    table = tables.scan(shard_files(path)[part.shard])
    if isinstance(part.rows, range):
        mine = pl.col("text").is_between(part.rows.start, part.rows.stop - 1)
        terms = _terms(table.filter(mine).collect())
        return terms.shifted(-part.rows.start)
    rows = pl.Series(part.rows, dtype=pl.Int32)
    terms = _terms(table.filter(pl.col("text").is_in(rows.implode())).collect())
    return Terms(np.searchsorted(part.rows, terms.rows).astype(np.int32), terms.rules, terms.terms)


def votes_file(split: str) -> str:
    """The name of a split's table of votes."""
    return "votes.parquet" if split == "pool" else f"votes_{split}.parquet"


def terms_file(split: str) -> str:
    """The name of a split's table of the terms that cast the votes."""
    return "terms.parquet" if split == "pool" else f"terms_{split}.parquet"


def terms_of_rules(
    folder: Path, split: str, rules: Sequence[str], names: Sequence[str], part: Part
) -> Terms:
    """The terms that cast votes of these rules on these rows; row 0 is the first of them.

    `folder` is an artifact whose rules may have been in another order than `names`.
    """
    then = tables.rule_names(folder / votes_file(split))
    place = np.full(len(then), -1, dtype=np.int32)
    for rule in rules:
        place[then.index(rule)] = names.index(rule)
    terms = read_terms(folder, split, part)
    mine = place[terms.rules] >= 0
    return Terms.of(terms.rows[mine], place[terms.rules[mine]], terms.terms[mine])


def terms_table(terms: Terms) -> pl.DataFrame:
    """A table with the schema `schemas.TERMS`."""
    columns = (terms.rows, terms.rules, terms.terms)
    return pl.DataFrame(dict(zip(schemas.TERMS, columns, strict=True)), schema=schemas.TERMS)


def _terms(table: pl.DataFrame) -> Terms:
    return Terms(*(table[name].to_numpy() for name in schemas.TERMS))
