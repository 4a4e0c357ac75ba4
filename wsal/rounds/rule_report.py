"""The tables of the vote report: rules, examples, pairs of rules, conflicts, uncovered texts."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from wsal import schemas
from wsal.arrays import Classes, Votes
from wsal.labels import LabelSet
from wsal.members import members_of
from wsal.rules import analysis, pairs, uncovered
from wsal.seeding import rng

SCHEMAS = {
    "rules": schemas.RULES,
    "examples": schemas.EXAMPLES,
    "pairs": schemas.PAIRS,
    "conflicts": schemas.CONFLICTS,
    "uncovered": schemas.UNCOVERED,
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
        "pairs": pairs.related(votes, names, members_of(labels)),
        "conflicts": pairs.conflicts(votes, gold, texts, names, labels, rng(seed, "clashes")),
        "uncovered": uncovered.groups(texts.gather(bare), gold[bare], labels, draw),
    }


def with_learned(
    voters: pl.DataFrame, precision: np.ndarray | None, classes: Sequence[str]
) -> pl.DataFrame:
    """The voters with a column `learned`: how often the label model takes each to be right.

    Args:
        voters: with the schema `schemas.VOTERS`.
        precision: `(voters, codes)`, as label_model.safetensors has it. The column is null if the
            label model has learned no precisions, or has learned those of whole rules.
        classes: the names of all codes; a voter for several gets the mean of their precisions.
    """
    learned: list[float | None] = [None] * len(voters)
    if precision is not None and precision.shape[0] == len(voters):
        number = {name: c for c, name in enumerate(classes)}
        for voter, names in enumerate(voters["classes"]):
            if len(names):
                learned[voter] = float(precision[voter, [number[name] for name in names]].mean())
    return voters.with_columns(learned=pl.Series(learned, dtype=pl.Float64))


def terms_shown(voters: pl.DataFrame, most: int) -> pl.DataFrame:
    """Of each rule with terms the `most` terms with the most votes, then the rest of its votes.

    The rest are those of rare terms; terms that are left out here are not among them.
    """
    of_rule = voters.with_columns(is_rest=pl.col("term").is_null()).filter(
        (~pl.col("is_rest")).any().over("rule")
    )
    parts = [
        group.sort("is_rest", -pl.col("n_votes"), maintain_order=True).filter(
            pl.when("is_rest").then(pl.col("n_votes") > 0).otherwise(pl.int_range(pl.len()) < most)
        )
        for group in of_rule.partition_by("rule", maintain_order=True)
    ]
    return pl.concat(parts).drop("is_rest") if parts else of_rule.drop("is_rest")
