"""The gold of dev and test, and whether it measures classes."""

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Classes, Weights, is_indicator_matrix
from wsal.artifacts import Artifact
from wsal.multilabel import matrix_of


def has_gold(pool: Artifact, split: str) -> bool:
    """Whether the gold of dev or test measures classes: some of it is no parent."""
    if not (pool.path / f"{split}.parquet").exists():
        return False
    gold = gold_of(pool, split)[0]
    return is_indicator_matrix(gold) or bool((gold < len(pool.facts["labels"])).any())


def gold_of(pool: Artifact, split: str) -> tuple[Classes, Weights]:
    """`gold_in` for a split of the pool's artifact."""
    return gold_in(tables.read(pool.path / f"{split}.parquet"), len(pool.facts["labels"]))


def gold_in(records: pl.DataFrame, n_classes: int) -> tuple[Classes, Weights]:
    """The class, parent or set of each record, and how many rows of the source it stands for."""
    weights = records["n_copies"].to_numpy().astype(np.float64)
    if records["label"].dtype == pl.List:
        return matrix_of(records["label"].to_list(), n_classes), weights
    return records["label"].to_numpy().astype(np.int64), weights
