"""The tables of the vote stage: votes, the terms that cast them, and the voters."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from wsal import tables
from wsal.artifacts import Artifact
from wsal.label_models.sparse import SparseVotes
from wsal.rounds.voters import Voters
from wsal.rules.terms import Terms

VOTERS_FILE = "voters.parquet"


def read_votes(votes: Artifact, split: str) -> SparseVotes:
    """A split's votes, and those of each term; the latter not from a version without them.

    Raises:
        TableError: the tables of the artifact do not fit together.
    """
    cast = read_rule_votes(votes.path, split)
    if not (votes.path / VOTERS_FILE).exists():
        return cast
    table = tables.read(votes.path / VOTERS_FILE, tables.VOTERS)
    voters = Voters.of_table(table, tables.rule_names(votes.path / votes_file(split)))
    return voters.with_terms(cast, read_terms(votes.path, split))


def read_rule_votes(folder: Path, split: str) -> SparseVotes:
    """A split's votes; read a rule at a time, so that a thousand rules take little memory."""
    path = folder / votes_file(split)
    return SparseVotes.of_columns(tables.vote_columns(path), tables.n_rows(path))


def read_terms(folder: Path, split: str) -> Terms:
    """The terms that cast the votes of a split."""
    return _terms(tables.read(folder / terms_file(split), tables.TERMS))


def votes_file(split: str) -> str:
    """The name of a split's table of votes."""
    return "votes.parquet" if split == "pool" else f"votes_{split}.parquet"


def terms_file(split: str) -> str:
    """The name of a split's table of the terms that cast the votes."""
    return "terms.parquet" if split == "pool" else f"terms_{split}.parquet"


def terms_of_rules(
    folder: Path, split: str, rules: Sequence[str], names: Sequence[str], rows: range
) -> Terms:
    """The terms that cast votes of these rules on these rows; row 0 is the first of them.

    `folder` is an artifact whose rules may have been in another order than `names`.
    """
    then = tables.rule_names(folder / votes_file(split))
    column = {then.index(rule): names.index(rule) for rule in rules}
    mine = pl.col("text").is_between(rows.start, rows.stop - 1) & pl.col("rule").is_in(list(column))
    table = tables.scan(folder / terms_file(split)).filter(mine).collect()
    terms = _terms(table.with_columns(pl.col("rule").replace(column)))
    return Terms.of(terms.rows - rows.start, terms.rules, terms.terms)


def terms_table(terms: Terms) -> pl.DataFrame:
    """A table with the schema `tables.TERMS`."""
    columns = (terms.rows, terms.rules, terms.terms)
    return pl.DataFrame(dict(zip(tables.TERMS, columns, strict=True)), schema=tables.TERMS)


def _terms(table: pl.DataFrame) -> Terms:
    return Terms(*(table[name].to_numpy() for name in tables.TERMS))
