"""Whether dev and test measure classes."""

from wsal.arrays import are_sets
from wsal.artifacts import Artifact
from wsal.rounds.evaluation_frame import gold_of


def has_gold(pool: Artifact, split: str) -> bool:
    """Whether the gold of dev or test measures classes: some of it is no parent."""
    if not (pool.path / f"{split}.parquet").exists():
        return False
    gold = gold_of(pool, split)[0]
    return are_sets(gold) or bool((gold < len(pool.facts["labels"])).any())
