"""Let every rule vote on every text, and report on the rules."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.artifacts import Artifact, Facts, Previous
from wsal.labels import LabelSet
from wsal.progress import bar
from wsal.rounds.rule_embedding import embed_for_rules
from wsal.rounds.rule_report import SCHEMAS, report_tables
from wsal.rounds.vote_tables import (
    VOTERS_FILE,
    read_rule_votes,
    read_terms,
    terms_file,
    terms_of_rules,
    terms_table,
    votes_file,
)
from wsal.rounds.voters import Voters
from wsal.rules import analysis
from wsal.rules.base import Rule
from wsal.rules.terms import Terms, term_names
from wsal.rules.voting import vote_in_chunks

REPORTED = 2**28  # votes that the report is made on at most; of more texts, an even sample


def vote(
    out: Path,
    *,
    pool: Artifact,
    rules: Mapping[str, Rule],
    seed: int,
    previous: Previous | None = None,
) -> Facts:
    """pool.parquet (and dev, test) -> votes.parquet and terms.parquet alike, rules.parquet, ...

    The report is made on the pool, and its accuracies by whatever gold the source has for it.
    Votes and terms of rules that have not changed are taken from `previous`.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    names = list(rules)
    if previous and not (previous.artifact.path / VOTERS_FILE).exists():
        previous = None  # made before votes had terms
    for split in ("dev", "test"):
        if (path := pool.path / f"{split}.parquet").exists():
            _write_votes(out, split, rules, tables.read(path), labels, previous)
    records = tables.read(pool.path / "pool.parquet")
    step = -(-len(records) * max(len(rules), 1) // REPORTED)
    votes = _write_votes(out, "pool", rules, records, labels, previous, step)
    gold = _gold(records["id"], tables.read(pool.path / "gold.parquet", tables.GOLD))
    cast, terms = read_rule_votes(out, "pool"), read_terms(out, "pool")
    voters = Voters.of(terms, len(names))
    table = voters.table(voters.with_terms(cast, terms), gold, names, term_names(rules), labels)
    tables.write(table, out / VOTERS_FILE, tables.VOTERS)
    shown, gold = records.gather_every(step), gold[::step]
    for name, table in report_tables(votes, gold, shown, names, labels, seed).items():
        tables.write(table, out / f"{name}.parquet", SCHEMAS[name])
    facts: Facts = {"n_rules": len(names), "n_texts": len(records), "n_reported": len(votes)}
    return facts | analysis.overall(votes, shown["n_copies"].to_numpy())


def _gold(ids: pl.Series, gold: pl.DataFrame) -> Classes:
    """`(texts,)`: the gold label of each id, -1 where there is none."""
    joined = ids.to_frame().join(gold, on="id", how="left", maintain_order="left")
    return joined["label"].fill_null(ABSTAIN).to_numpy().astype(np.int64)


def _write_votes(
    out: Path,
    split: str,
    rules: Mapping[str, Rule],
    records: pl.DataFrame,
    labels: LabelSet,
    previous: Previous | None,
    step: int = 1,
) -> Votes:
    """Write a split's votes and terms, and give back its votes on every `step`-th text."""
    names = list(rules)
    changed = {n: r for n, r in rules.items() if not previous or n not in previous.unchanged}
    kept = [name for name in names if name not in changed]
    columns = [names.index(name) for name in changed]
    sample: list[Votes] = []

    def parts() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        first = 0
        with bar(f"vote on {split}", len(records), "texts") as advance:
            for voted in vote_in_chunks(changed, records, labels, embed_for_rules):
                last = first + len(voted)
                schema = dict.fromkeys(changed, pl.Int16)
                # Without `orient`, polars turns a table with as many rows as columns.
                table = pl.DataFrame(voted.votes, schema=schema, orient="row")
                terms = voted.terms.at(columns)
                if previous and kept:
                    folder = previous.artifact.path
                    earlier = tables.scan(folder / votes_file(split)).select(kept)
                    table = table.hstack(earlier.slice(first, len(voted)).collect())
                    rows = range(first, last)
                    terms = Terms.joined([terms, terms_of_rules(folder, split, kept, names, rows)])
                table = pl.select(records["id"][first:last]).hstack(table).select("id", *names)
                if picked := len(range(-first % step, len(voted), step)):
                    every = table.drop("id")[-first % step :].gather_every(step)
                    sample.append(every.to_numpy().reshape(picked, len(names)))
                yield table, terms_table(terms.shifted(first))
                first = last
                advance(len(voted))

    schemas = {votes_file(split): tables.votes_schema(names), terms_file(split): tables.TERMS}
    tables.write_parts(parts(), {out / name: schema for name, schema in schemas.items()})
    return np.concatenate(sample or [np.empty((0, len(names)), np.int16)]).astype(np.int16)
