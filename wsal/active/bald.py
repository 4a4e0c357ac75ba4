"""BALD and PowerBALD: texts on which passes with dropout disagree."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Selection
from wsal.active.ranking import ranked
from wsal.active.scores import mutual_information
from wsal.arrays import Scores
from wsal.errors import ConfigError
from wsal.settings import Positive, Rate


@dataclass(frozen=True)
class Bald:
    """The highest mutual information of class and weights (Gal et al., 2017, arXiv 1703.02910)."""

    passes: Positive = 10
    """Predictions of each candidate with dropout left on."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by decreasing mutual information; equal ones in random order."""
        information = _information(candidates, self.passes)
        rows = ranked(information, rng)[:size]
        return Selection(rows, information[rows], _reasons(information[rows]))


@dataclass(frozen=True)
class PowerBald:
    """Mutual information with noise, for more varied queries (Kirsch et al., 2023).

    Texts are ranked by `beta * log(information)` plus Gumbel noise, which is the same as drawing
    them one by one in proportion to information to the power of beta (arXiv 2106.12059).
    """

    passes: Positive = 10
    """Predictions of each candidate with dropout left on."""
    beta: Rate = 1.0
    """Above 1: closer to BALD; below 1: closer to random."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by decreasing noisy score."""
        information = _information(candidates, self.passes)
        logs = np.log(np.maximum(information, np.finfo(np.float32).tiny))
        scores = (self.beta * logs + rng.gumbel(size=len(logs))).astype(np.float32)
        rows = ranked(scores, rng)[:size]
        return Selection(rows, scores[rows], _reasons(information[rows]))


def _information(candidates: Candidates, passes: int) -> Scores:
    if candidates.samples is None:
        raise ConfigError(
            "this strategy compares predictions made with dropout, but there are none: fill "
            f"Candidates.samples with {passes} passes, an array (passes, texts, classes)"
        )
    return mutual_information(candidates.samples)


def _reasons(information: Scores) -> list[str]:
    return [f"passes with dropout disagree (information {value:.3f})" for value in information]
