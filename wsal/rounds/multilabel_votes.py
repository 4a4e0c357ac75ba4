"""The vote report where a text may have several classes, so that two votes may both be right."""

from pathlib import Path

import numpy as np
import polars as pl

from wsal import schemas, tables
from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact
from wsal.labels import LabelSet
from wsal.multilabel import matrix_of
from wsal.rounds.vote_tables import votes_file
from wsal.rules.analysis import interval


def report_on_sets(out: Path, pool: Artifact, labels: LabelSet) -> None:
    """Complete rules.parquet with the accuracy of each rule on gold, and leave out conflicts.

    A vote is right if its class is among those of the text. Pairs of rules, conflicts and the
    accuracies of terms are left out: they compare single classes.
    """
    rules = tables.read(out / "rules.parquet", schemas.RULES)
    counts = _counts(out, pool, labels, rules["rule"].to_list())
    rows = []
    for n, n_right in counts:
        low, high = interval(n_right, n)
        accuracy = n_right / n if n else None
        rows.append({"n_gold": n, "accuracy": accuracy, "low": low, "high": high})
    measured = pl.DataFrame(rows, schema={name: schemas.RULES[name] for name in MEASURED})
    rules = rules.with_columns(*measured.get_columns(), conflict=pl.lit(0.0))
    tables.write(rules, out / "rules.parquet", schemas.RULES)
    for name, schema in (("pairs", schemas.PAIRS), ("conflicts", schemas.CONFLICTS)):
        tables.write(pl.DataFrame(schema=schema), out / f"{name}.parquet", schema)


MEASURED = ("n_gold", "accuracy", "low", "high")


def _counts(out: Path, pool: Artifact, labels: LabelSet, names: list[str]) -> list[tuple[int, int]]:
    """Of each rule: votes on texts with gold, and how many of them are right."""
    gold = tables.read(pool.path / "gold.parquet", schemas.MULTILABEL_GOLD)
    path = out / votes_file("pool")
    ids = tables.column(path, "id").to_frame().with_row_index("row")
    known = ids.join(gold, on="id", how="inner", maintain_order="left")
    if not names or known.is_empty():
        return [(0, 0)] * len(names)
    votes = tables.take(path, known["row"].to_numpy(), names)
    matrix = matrix_of(known["label"].to_list(), len(labels))
    counts = []
    for name in names:
        vote = votes[name].to_numpy().astype(np.int64)
        hits = np.flatnonzero(vote != ABSTAIN)
        counts.append((len(hits), int(matrix[hits, vote[hits]].sum())))
    return counts
