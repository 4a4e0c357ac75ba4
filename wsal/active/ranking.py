"""From scores to rows."""

import numpy as np

from wsal.active.candidates import Selection
from wsal.arrays import Rows, Scores


def ranked(scores: Scores, rng: np.random.Generator) -> Rows:
    """Rows by falling score; equal ones in random order."""
    return np.lexsort((rng.random(len(scores)), -scores))


def top(scores: Scores, size: int, rng: np.random.Generator, what: str) -> Selection:
    """The `size` rows of highest score; `what` it is a score of stands in their reasons."""
    rows = ranked(scores, rng)[:size]
    return Selection(rows, scores[rows], [f"{what} score {scores[row]:.2f}" for row in rows])
