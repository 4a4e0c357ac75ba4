"""Predictions of a classifier for the texts that measure it, some of which are newer than it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wsal.arrays import Probs, Rows
from wsal.artifacts import Artifact
from wsal.data.row_keys import read_keys, rows_among
from wsal.evaluation.sampling import NO_ROWS

Look = Callable[[Artifact, str, Rows], Probs]
"""From a classifier, a split and rows of it to the classifier's predictions."""


def write_probs(folder: Path, name: str, probs: Probs, keys: np.ndarray | None) -> None:
    """Keep a classifier's predictions for the frame, dev or test, and the keys of the texts."""
    np.save(folder / f"{name}_probs.npy", probs, allow_pickle=False)
    if keys is not None:
        np.save(folder / f"{name}_keys.npy", keys, allow_pickle=False)


def known_probs(
    classifier: Artifact, name: str, keys: np.ndarray | None
) -> tuple[Probs | None, Rows]:
    """A classifier's predictions for the texts with these keys, and the positions it lacks.

    The first is None if it has no predictions of this name at all.
    """
    path, path_of_keys = (classifier.path / f"{name}_{kind}.npy" for kind in ("probs", "keys"))
    if not path.exists():
        return None, NO_ROWS
    probs: Probs = np.load(path, allow_pickle=False)
    if keys is None or not path_of_keys.exists():
        return probs, NO_ROWS
    known = np.load(path_of_keys, allow_pickle=False)
    rows = rows_among(keys, known, np.argsort(known["low"], kind="stable"))
    taken = np.zeros((len(keys), *probs.shape[1:]), probs.dtype)
    taken[rows >= 0] = probs[rows[rows >= 0]]
    return taken, np.flatnonzero(rows < 0)


def split_probs(pool: Artifact, classifier: Artifact, split: str) -> Probs:
    """A classifier's predictions for dev or test, up to the first text that was appended since."""
    probs, missing = known_probs(classifier, split, split_keys(pool, split))
    assert probs is not None  # noqa: S101  a classifier has those of all splits
    return probs[: missing[0]] if len(missing) else probs


def split_keys(pool: Artifact, split: str) -> np.ndarray | None:
    """The keys of the texts of dev or test; None for a pool without keys."""
    keys = read_keys(pool.path, "text_keys", split)
    return np.concatenate(keys) if keys else None
