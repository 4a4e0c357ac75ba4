"""Basic query strategies: which candidates are most worth a person's time."""

from dataclasses import dataclass

import numpy as np

from wsal.active.candidates import Candidates, Labelled, QueryStrategy, Selection
from wsal.active.clustering import cluster
from wsal.active.ranking import ranked, top
from wsal.active.scores import entropy, least_confidence, margin
from wsal.settings import Positive

__all__ = [
    "DRAWN", "Candidates", "Dbal", "Entropy", "EntropyClusters", "Labelled", "LeastConfidence",
    "Margin", "QueryStrategy", "Random", "Selection",
]  # fmt: skip

DRAWN = "drawn at random"  # the reason why a text is asked about


@dataclass(frozen=True)
class Random:
    """Any text with equal probability: the baseline for all other strategies."""

    everywhere = True

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows in random order."""
        rows = rng.permutation(len(candidates.probs))[:size]
        return Selection(rows, np.zeros(len(rows), np.float32), [DRAWN] * len(rows))


@dataclass(frozen=True)
class LeastConfidence:
    """The texts whose likeliest class is least likely (Lewis and Gale, 1994)."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by increasing confidence; equal ones in random order."""
        return top(least_confidence(candidates.probs), size, rng, "least confidence")


@dataclass(frozen=True)
class Entropy:
    """The texts of highest entropy. They are much alike: on product titles, worse than random."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by decreasing entropy; equal ones in random order."""
        return top(entropy(candidates.probs), size, rng, "entropy")


@dataclass(frozen=True)
class Margin:
    """The texts whose two likeliest classes are closest (breaking ties)."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows by increasing margin; equal ones in random order."""
        return top(margin(candidates.probs), size, rng, "margin")


@dataclass(frozen=True)
class EntropyClusters:
    """The text of highest entropy in each cluster of the embeddings, highest first.

    The `shortlist * size` texts of highest entropy are clustered, into as many clusters as texts
    are asked for.
    """

    shortlist: Positive = 10
    """How many times the query size of least certain texts are clustered."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """One row per cluster by decreasing entropy; then, if clusters are too few, others."""
        scores = entropy(candidates.probs)
        listed = ranked(scores, rng)[: self.shortlist * size]
        member, _ = cluster(candidates.embeddings[listed], size, rng)
        _, leaders = np.unique(member, return_index=True)  # the first is the highest
        leaders = np.sort(leaders)
        places = np.concatenate([leaders, np.delete(np.arange(len(listed)), leaders)])[:size]
        rows, sizes = listed[places], np.bincount(member)
        reasons = [
            f"highest entropy ({scores[row]:.2f}) in its cluster of {sizes[member[place]]}"
            for row, place in zip(rows, places, strict=True)
        ]
        return Selection(rows, scores[rows], reasons)


@dataclass(frozen=True)
class Dbal:
    """Margin-weighted k-means among the least sure texts (Zhdanov, 2019, arXiv 1901.05954).

    The `shortlist * size` least certain texts are clustered, and the one nearest to the centre of
    each of `size` clusters is asked. So texts are uncertain, spread out, and typical of their
    kind. A text's `extra` is added to its uncertainty.
    """

    shortlist: Positive = 10
    """How many times the query size of least certain texts are clustered."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """The row nearest to each centre, least certain first; then others by uncertainty."""
        scores = candidates.uncertainty
        listed = ranked(scores, rng)[: self.shortlist * size]
        weights = scores[listed] + np.float32(1e-6)  # k-means fails if all weights are 0
        member, distance = cluster(candidates.embeddings[listed], size, rng, weights)
        by_distance = np.lexsort((distance, member))
        _, first = np.unique(member[by_distance], return_index=True)
        nearest = np.sort(by_distance[first])  # by rank in `listed`: least certain first
        places = np.concatenate([nearest, np.delete(np.arange(len(listed)), nearest)])[:size]
        rows, sizes = listed[places], np.bincount(member)
        gaps = 1 - margin(candidates.probs[rows])
        why = candidates.extra_reasons or [""] * len(candidates)
        reasons = [
            f"margin {gap:.2f}; typical of {sizes[member[place]]} unsure texts"
            + (f"; {why[row]}" if why[row] else "")
            for row, place, gap in zip(rows, places, gaps, strict=True)
        ]
        return Selection(rows, scores[rows], reasons)
