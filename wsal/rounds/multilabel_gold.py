"""Gold that came with the data, where a text may have several classes."""

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import Mask, Weights
from wsal.artifacts import Artifact
from wsal.evaluation.sample import Sample
from wsal.multilabel import matrix_of


def sets_in(records: pl.DataFrame, n_classes: int) -> tuple[Mask, Weights]:
    """The classes of each record, `(texts, classes)`, and the rows of the source it stands for."""
    weights = records["n_copies"].to_numpy().astype(np.float64)
    return matrix_of(records["label"].to_list(), n_classes), weights


def sets_of(pool: Artifact, split: str) -> tuple[Mask, Weights]:
    """`sets_in` for a split of the pool's artifact."""
    return sets_in(tables.read(pool.path / f"{split}.parquet"), len(pool.facts["labels"]))


def whole_sample(gold: Mask, weights: Weights) -> Sample:
    """A split of which every text has gold."""
    return Sample(
        np.arange(len(gold)), gold.astype(np.int64), np.zeros(len(gold), np.int64), weights
    )


def rarest(gold: Mask) -> np.ndarray:
    """`(texts,)`: of each text's classes the one that the fewest texts have.

    Where a strategy or a sampler wants one class per text, rare classes count this way. Texts of no
    class count as a class of their own.
    """
    counts = gold.sum(axis=0)
    of_each = np.where(gold, counts, counts.max(initial=0) + 1)
    classes: np.ndarray = np.where(gold.any(axis=1), of_each.argmin(axis=1), gold.shape[1])
    return classes
