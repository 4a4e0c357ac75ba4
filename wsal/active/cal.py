"""CAL: texts that are predicted differently from the labelled texts nearest to them."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection, with_note
from wsal.active.neighbours import nearest
from wsal.active.ranking import ranked, top
from wsal.active.scores import margin
from wsal.settings import Positive


@dataclass(frozen=True)
class Cal:
    """Contrastive active learning (Margatina et al., 2021, arXiv 2109.03764).

    Ranks by the mean divergence KL(p' || p) of a text's prediction p from the predictions p' of its
    nearest *labelled* texts. If nothing is labelled yet: by smallest margin.
    """

    n_neighbours: Positive = 10
    """Labelled texts that each text is compared with."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by decreasing divergence; equal ones in random order."""
        labelled = candidates.labelled
        if not labelled:
            chosen = top(margin(candidates.probs), size, rng, "margin")
            return with_note(chosen, "nothing is labelled yet to compare with")
        neighbours, _ = nearest(candidates.embeddings, labelled.embeddings, self.n_neighbours)
        n_neighbours = neighbours.shape[1]
        probs = labelled.probs.astype(np.float64)
        negative_entropy = (probs * _log(probs)).sum(axis=1)[neighbours].mean(axis=1)
        mean_probs = sum(probs[neighbours[:, i]] for i in range(n_neighbours)) / n_neighbours
        scores = negative_entropy - (mean_probs * _log(candidates.probs)).sum(axis=1)
        rows = ranked(scores, rng)[:size]
        reasons = [
            f"unlike its {n_neighbours} nearest labelled texts (divergence {scores[row]:.2f})"
            for row in rows
        ]
        return Selection(rows, scores[rows].astype(np.float32), reasons)


def _log(probs: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.clip(probs, 1e-12, 1, dtype=np.float64))
    return logs
