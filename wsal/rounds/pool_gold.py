"""The gold labels that the source brought for texts of the pool, shard by shard."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wsal import schemas, tables
from wsal.arrays import ABSTAIN, Classes
from wsal.shards import shard_files


def gold_of_shard(pool: Path, number: int) -> Classes:
    """`(texts,)`: the gold label of each text of a shard, -1 where there is none.

    With several classes per text it is -1 everywhere; see `wsal.rounds.multilabel_gold`.

    If gold.parquet has as many files as the pool, each has the gold of the shard of its number.
    """
    files = shard_files(pool / "gold.parquet")
    shards = shard_files(pool / "pool.parquet")
    path = files[number] if len(files) == len(shards) else pool / "gold.parquet"
    gold = tables.read(path)
    if dict(gold.schema) == schemas.MULTILABEL_GOLD:  # which is a set of classes for each text
        return np.full(tables.n_rows(shards[number]), ABSTAIN, dtype=np.int64)
    gold = tables.read(path, schemas.GOLD)
    if gold.is_empty():
        return np.full(tables.n_rows(shards[number]), ABSTAIN, dtype=np.int64)
    ids = tables.column(shards[number], "id")
    joined = ids.to_frame().join(gold, on="id", how="left", maintain_order="left")
    return joined["label"].fill_null(ABSTAIN).to_numpy().astype(np.int64)


def gold_of_pool(pool: Path) -> Iterator[Classes]:
    """The gold labels of each shard, one shard after the other."""
    for number in range(len(shard_files(pool / "pool.parquet"))):
        yield gold_of_shard(pool, number)
