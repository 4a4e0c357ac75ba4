"""What weak labels keep of a language model's part in them: files beside weak_labels.parquet."""

import numpy as np
import polars as pl

from wsal.arrays import ABSTAIN, Probs, Rows
from wsal.artifacts import Artifact

ANSWERED_FILE = "answered.npy"


def rules_alone(ids: pl.Series, probs: Probs, has_vote: np.ndarray) -> pl.DataFrame:
    """rules_alone.parquet: the likeliest class of each text by votes alone; -1 without votes."""
    return pl.DataFrame(
        {
            "id": ids,
            "label": np.where(has_vote, probs.argmax(axis=1), ABSTAIN),
            "probability": np.where(has_vote, probs.max(axis=1), 0.0),
        }
    )


def answered_rows(weak_labels: Artifact) -> Rows:
    """The rows of the pool whose weak label a language model had a part in, ascending."""
    path = weak_labels.path / ANSWERED_FILE
    rows: Rows = np.load(path, allow_pickle=False) if path.exists() else np.empty(0, np.int64)
    return rows
