"""Texts on which sources disagree, and texts that are nearly alike."""

import numpy as np
import polars as pl

from wsal import tables
from wsal.arrays import ABSTAIN, Probs, Scores
from wsal.artifacts import Artifact

SURE = 0.9  # probability of a weak label that the classifier should not contradict


def disputed_texts(votes: Artifact) -> Scores:
    """1.0 for each text of the pool on which rules vote for different classes; a rule at a time."""
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


def contradicts(probs: Probs, weak_probs: Probs, n_votes: np.ndarray) -> Scores:
    """1.0 for each text whose sure weak label is not the class the classifier predicts.

    All three are of the same texts; a text without votes has no weak label to contradict.
    """
    sure = (weak_probs.max(axis=1) >= SURE) & (n_votes > 0)
    scores: Scores = (sure & (weak_probs.argmax(axis=1) != probs.argmax(axis=1))).astype(np.float32)
    return scores


def near_duplicates(texts: pl.Series) -> np.ndarray:
    """A number for each text, equal where texts differ in no letter.

    >>> near_duplicates(pl.Series(["Tea 50 g", "tea, 100 g", "cup"])).tolist()
    [2, 2, 1]
    """
    letters = texts.str.to_lowercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
    return letters.rank("dense").to_numpy().astype(np.int64)
