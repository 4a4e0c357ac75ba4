"""CAL: texts that the classifier sees unlike the labelled texts next to them."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection, noted
from wsal.active.neighbours import nearest
from wsal.active.ranking import ranked, top
from wsal.active.scores import margin
from wsal.settings import Positive


@dataclass(frozen=True)
class Cal:
    """Contrastive active learning (Margatina et al., 2021, arXiv 2109.03764).

    The mean divergence KL(p' || p) of a text's prediction p from those, p', of its nearest
    *labelled* texts. With nothing labelled: the smallest margins.
    """

    n_neighbours: Positive = 10

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by falling divergence; equal ones in random order."""
        labelled = candidates.labelled
        if not labelled:
            chosen = top(margin(candidates.probs), size, rng, "margin")
            return noted(chosen, "nothing is labelled yet, so no text to compare with")
        found, _ = nearest(candidates.embeddings, labelled.embeddings, self.n_neighbours)
        n_found = found.shape[1]
        theirs = labelled.probs.astype(np.float64)
        certainty = (theirs * _log(theirs)).sum(axis=1)[found].mean(axis=1)
        theirs_mean = sum(theirs[found[:, i]] for i in range(n_found)) / n_found
        scores = certainty - (theirs_mean * _log(candidates.probs)).sum(axis=1)
        rows = ranked(scores, rng)[:size]
        reasons = [
            f"seen unlike its {n_found} nearest labelled texts (divergence {scores[row]:.2f})"
            for row in rows
        ]
        return Selection(rows, scores[rows].astype(np.float32), reasons)


def _log(probs: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.clip(probs, 1e-12, 1, dtype=np.float64))
    return logs
