"""The tables of the vote report: rules, examples, pairs of rules, conflicts, uncovered texts."""

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Classes, Votes
from wsal.labels import LabelSet
from wsal.rules import analysis, pairs, uncovered
from wsal.seeding import rng

SCHEMAS = {
    "rules": tables.RULES,
    "examples": tables.EXAMPLES,
    "pairs": tables.PAIRS,
    "conflicts": tables.CONFLICTS,
    "uncovered": tables.UNCOVERED,
}


def report_tables(
    votes: Votes,
    gold: Classes,
    records: pl.DataFrame,
    names: list[str],
    labels: LabelSet,
    seed: int,
) -> dict[str, pl.DataFrame]:
    """A table for each name in `SCHEMAS`.

    Args:
        votes: `(texts, rules)`.
        gold: `(texts,)`, -1 where unknown.
        records: of the same texts.
        names: of the rules.
        labels: the classes.
        seed: of the examples.
    """
    texts = records["text"]
    bare = np.flatnonzero(analysis.tally(votes)[0] == 0)
    draw = rng(seed, "uncovered")
    return {
        "rules": analysis.summarise(votes, gold, names, labels),
        "examples": analysis.examples(votes, gold, records, names, labels, rng(seed, "examples")),
        "pairs": pairs.related(votes, names),
        "conflicts": pairs.conflicts(votes, gold, texts, names, labels, rng(seed, "clashes")),
        "uncovered": uncovered.groups(texts.gather(bare), gold[bare], labels, draw),
    }
