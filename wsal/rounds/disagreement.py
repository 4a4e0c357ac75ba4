"""What speaks for a text beside the classifier: rules that disagree, near-duplicates."""

import numpy as np

from wsal import tables
from wsal.arrays import ABSTAIN, Probs, Rows, Scores
from wsal.artifacts import Artifact

SURE = 0.9  # probability of a weak label that the classifier should not contradict


def disputed_texts(votes: Artifact) -> Scores:
    """1.0 for each text of the pool on which rules vote for different classes."""
    path = votes.path / "votes.parquet"
    least = most = None
    for vote in tables.vote_columns(path):
        low = np.where(vote == ABSTAIN, np.iinfo(np.int16).max, vote)
        least = low if least is None else np.minimum(least, low)
        most = vote if most is None else np.maximum(most, vote)
    if least is None or most is None:
        return np.zeros(tables.n_rows(path), np.float32)
    scores: Scores = ((most != ABSTAIN) & (least != most)).astype(np.float32)
    return scores


def contradicted_rules(weak_labels: Artifact, rows: Rows, probs: Probs) -> Scores:
    """1.0 for each row whose sure weak label is not the class the classifier predicts."""
    frame = tables.take(weak_labels.path / "weak_labels.parquet", rows)
    weak = tables.probs_array(frame)
    sure = (weak.max(axis=1) >= SURE) & (frame["n_votes"].to_numpy() > 0)
    scores: Scores = (sure & (weak.argmax(axis=1) != probs.argmax(axis=1))).astype(np.float32)
    return scores


def near_duplicates(pool: Artifact, rows: Rows) -> np.ndarray:
    """A number for each row, equal where texts differ in no letter."""
    text = tables.take(pool.path / "pool.parquet", rows)["text"]
    letters = text.str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    return letters.rank("dense").to_numpy().astype(np.int64)
