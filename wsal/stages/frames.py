"""The part of the pool that is never trained on, and the evaluation sample drawn from it."""

import numpy as np

from wsal.arrays import Classes, Probs, Rows
from wsal.artifacts import Artifact
from wsal.evaluation.sampling import strata, top_up
from wsal.seeding import rng
from wsal.settings import EvaluationSettings

MOST_STRATA = 40
FIRST, WORTHWHILE = 100, 2_000
"""Texts asked for evaluation at first where there is no gold split, in pools of so many texts."""


def frame_of(embeddings: Artifact) -> Rows:
    """The rows of the pool in the frame, ascending."""
    rows: Rows = np.load(embeddings.path / "frame.npy", allow_pickle=False)
    return rows


def on_frame(embeddings: Artifact, classifier: Artifact) -> Probs:
    """What a classifier says of the frame, `(frame, classes)`."""
    own = classifier.path / "frame_probs.npy"
    place = own if own.exists() else embeddings.path / "frame_probs.npy"
    probs: Probs = np.load(place, allow_pickle=False)
    return probs


def stratum_of(embeddings: Artifact) -> Classes:
    """The stratum of each text of the frame: by the weak-pretrained classifier, for good."""
    return strata(np.load(embeddings.path / "frame_probs.npy", allow_pickle=False), MOST_STRATA)


def evaluation_rows(
    pool: Artifact, embeddings: Artifact, newest: Probs, taken: Rows, number: int,
    settings: EvaluationSettings, seed: int,
) -> Rows:  # fmt: skip
    """Positions in the frame of the texts to ask for evaluation in this round.

    `newest` is what the newest classifier says of the frame: where it errs more, more is asked.
    """
    split = pool.facts["n_test"] or pool.facts["n_dev"]
    wanted = 0 if split or pool.facts["n_pool"] < WORTHWHILE else FIRST
    first = wanted if settings.size is None else settings.size
    n = first if number == 1 else settings.top_up if first else 0
    if not n:
        return np.empty(0, np.int64)
    draw = rng(seed, "evaluation", number)
    return top_up(stratum_of(embeddings), newest, n, taken, draw)
