"""Let every rule vote on every text, and say how the rules do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Classes, Votes
from wsal.artifacts import Artifact, Facts
from wsal.labels import LabelSet
from wsal.rules import analysis
from wsal.rules.base import Rule
from wsal.rules.voting import collect_votes
from wsal.seeding import rng


def vote(out: Path, *, pool: Artifact, rules: Mapping[str, Rule], seed: int) -> Facts:
    """pool.parquet (and dev, test) -> votes.parquet alike, rules.parquet, examples.parquet.

    The report is made on the pool, and its accuracies by whatever gold the source has for it.
    """
    labels = LabelSet(tuple(pool.facts["labels"]))
    names = list(rules)
    for split in ("dev", "test"):
        if (path := pool.path / f"{split}.parquet").exists():
            _write_votes(out / votes_file(split), rules, tables.read(path), labels)
    records = tables.read(pool.path / "pool.parquet")
    votes = _write_votes(out / votes_file("pool"), rules, records, labels)
    gold = _gold(records["id"], tables.read(pool.path / "gold.parquet", tables.GOLD))
    report = analysis.summarise(votes, gold, names, labels)
    tables.write(report, out / "rules.parquet", tables.RULES)
    shown = analysis.examples(votes, gold, records, names, labels, rng(seed, "examples"))
    tables.write(shown, out / "examples.parquet", tables.EXAMPLES)
    facts: Facts = {"n_rules": len(names), "n_texts": len(votes)}
    return facts | analysis.overall(votes, records["n_copies"].to_numpy())


def votes_file(split: str) -> str:
    """The name of a split's table of votes."""
    return "votes.parquet" if split == "pool" else f"votes_{split}.parquet"


def _gold(ids: pl.Series, gold: pl.DataFrame) -> Classes:
    """`(texts,)`: the gold label of each id, -1 where there is none."""
    joined = ids.to_frame().join(gold, on="id", how="left", maintain_order="left")
    return joined["label"].fill_null(ABSTAIN).to_numpy().astype(np.int64)


def _write_votes(
    path: Path, rules: Mapping[str, Rule], records: pl.DataFrame, labels: LabelSet
) -> Votes:
    votes = collect_votes(rules, records, labels)
    frame = pl.DataFrame(votes, schema=list(rules)).insert_column(0, records["id"])
    tables.write(frame, path, tables.votes_schema(list(rules)))
    return votes
