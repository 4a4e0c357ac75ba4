"""Weak labels that several processes train on, in one file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wsal import processes, tables
from wsal.arrays import Probs, Rows
from wsal.artifacts import Artifact
from wsal.rounds.weak_labels import confidence_weights


def weak_targets(
    weak_labels: Artifact,
    rows: Rows,
    scratch: Path,
    change: Callable[[Probs], None] = lambda _: None,
) -> tuple[Probs, np.ndarray]:
    """Weak labels of rows of the pool (ascending), and how much each counts: 1 on average.

    All processes of a torchrun call this. The leader writes one file, after `change` has edited the
    weak labels, and all map it into memory, so that each reads only what it trains on.
    """
    path = scratch / "targets.npy"

    def write() -> np.ndarray:
        probs = tables.write_probs(weak_labels.path / "weak_labels.parquet", rows, path)
        change(probs)
        if isinstance(probs, np.memmap):
            probs.flush()  # so that other machines see it
        return confidence_weights(probs)

    processes.wait_for_all()  # some may still read what the previous call wrote
    weights = processes.run_on_leader(write)
    return np.load(path, mmap_mode="r", allow_pickle=False), weights
