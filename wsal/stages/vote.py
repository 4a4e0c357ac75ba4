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
from wsal.rounds.weak_labels import votes_file
from wsal.rules import analysis
from wsal.rules.base import Rule
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
    """pool.parquet (and dev, test) -> votes.parquet alike, rules.parquet, examples.parquet.

    The report is made on the pool, and its accuracies by whatever gold the source has for it.
    Columns of rules that have not changed are taken from `previous`.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    names = list(rules)
    for split in ("dev", "test"):
        if (path := pool.path / f"{split}.parquet").exists():
            _write_votes(out, split, rules, tables.read(path), labels, previous)
    records = tables.read(pool.path / "pool.parquet")
    step = -(-len(records) * max(len(rules), 1) // REPORTED)
    votes = _write_votes(out, "pool", rules, records, labels, previous, step)
    shown = records.gather_every(step)
    gold = _gold(shown["id"], tables.read(pool.path / "gold.parquet", tables.GOLD))
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
    """Write a split's votes, and give back those on every `step`-th text `(texts, rules)`."""
    names = list(rules)
    changed = {n: r for n, r in rules.items() if not previous or n not in previous.unchanged}
    kept = [name for name in names if name not in changed]
    earlier = previous.artifact.path / votes_file(split) if previous else out
    sample: list[Votes] = []

    def parts() -> Iterator[pl.DataFrame]:
        first = 0
        with bar(f"vote on {split}", len(records), "texts") as advance:
            for votes in vote_in_chunks(changed, records, labels, embed_for_rules):
                last = first + len(votes)
                columns = pl.DataFrame(votes, schema=dict.fromkeys(changed, pl.Int16)).get_columns()
                if kept:
                    columns += tables.read_rows(earlier, first, len(votes), kept).get_columns()
                part = pl.DataFrame([records["id"][first:last], *columns]).select("id", *names)
                if picked := len(range(-first % step, len(votes), step)):
                    every = part.drop("id")[-first % step :].gather_every(step)
                    sample.append(every.to_numpy().reshape(picked, len(names)))
                yield part
                first = last
                advance(len(votes))

    tables.write_parts(parts(), out / votes_file(split), tables.votes_schema(names))
    return np.concatenate(sample or [np.empty((0, len(names)), np.int16)]).astype(np.int16)
