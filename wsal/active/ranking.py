"""From scores to ranked rows."""

import numpy as np

from wsal.active.candidates import Selection
from wsal.arrays import Rows, Scores


def ranked(scores: Scores, rng: np.random.Generator) -> Rows:
    """Rows by decreasing score; equal ones in random order."""
    return np.lexsort((rng.random(len(scores)), -scores))


def top(scores: Scores, size: int, rng: np.random.Generator, name: str) -> Selection:
    """The `size` rows of highest score; their reasons give the score and its `name`."""
    rows = ranked(scores, rng)[:size]
    return Selection(rows, scores[rows], [f"{name} score {scores[row]:.2f}" for row in rows])
