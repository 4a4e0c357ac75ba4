"""AnchorAL: looks for rare classes near the few texts labelled with them."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from wsal.active.candidates import (
    Candidates,
    Labelled,
    QueryStrategy,
    Selection,
    concatenated,
    select_among,
    with_note,
)
from wsal.active.neighbours import nearest
from wsal.active.ranking import ranked
from wsal.arrays import Rows
from wsal.settings import Positive


@dataclass(frozen=True)
class Anchors:
    """Another strategy, applied to the neighbours of labelled texts (Lesci and Vlachos, 2024).

    The anchors of a class are some of its labelled texts, spread out by k-means++. `base` chooses
    among the candidates near an anchor with the highest mean similarity to the anchors that they
    are near to (arXiv 2404.05623).
    """

    base: QueryStrategy
    """The strategy that chooses among the neighbours of the anchors."""
    n_anchors: Positive = 10
    """Of each class, at most."""
    n_neighbours: Positive = 50
    """Candidates looked up for each anchor."""
    max_texts: Positive = 1000
    """Candidates that `base` chooses from."""
    only_rare: bool = True
    """Only classes with fewer labels than an equal share (all classes, if there are none)."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows near anchors, as `base` ranks them, then others if there are too few of those."""
        labelled = candidates.labelled
        if not labelled:
            chosen = self.base.select(candidates, size, rng)
            return with_note(chosen, "nothing is labelled yet, so chosen among all")
        near = self._near(candidates, labelled, rng)[: max(self.max_texts, size)]
        rare = "of rare classes" if self.only_rare else "of each class"
        chosen = select_among(self.base, candidates, near, size, rng)
        chosen = with_note(chosen, f"near labelled texts {rare}")
        far = np.setdiff1d(np.arange(len(candidates)), near)
        if len(near) >= size or not len(far):
            return chosen
        rest = select_among(self.base, candidates, far, size - len(near), rng)
        return concatenated([chosen, with_note(rest, f"too few are near labelled texts {rare}")])

    def _near(self, candidates: Candidates, labelled: Labelled, rng: np.random.Generator) -> Rows:
        """Candidates near an anchor, in order of decreasing mean similarity."""
        anchors = labelled.embeddings[self._anchors(labelled, rng)]
        neighbours, distances = nearest(anchors, candidates.embeddings, self.n_neighbours)
        n_anchors = np.bincount(neighbours.ravel(), minlength=len(candidates))
        cosine_distance = distances.ravel() ** 2 / 2  # of vectors of length 1
        total = np.bincount(neighbours.ravel(), cosine_distance, len(candidates))
        near = np.flatnonzero(n_anchors)
        mean_distance = (total[near] / n_anchors[near]).astype(np.float32)
        return near[ranked(-mean_distance, rng)]

    def _anchors(self, labelled: Labelled, rng: np.random.Generator) -> Rows:
        """Rows of labelled texts."""
        from sklearn.cluster import kmeans_plusplus  # noqa: PLC0415  takes a second

        classes, counts = np.unique(labelled.classes, return_counts=True)
        rare = counts < counts.mean() if self.only_rare else np.zeros(len(classes), bool)
        anchors = []
        for label in classes[rare] if rare.any() else classes:
            texts = np.flatnonzero(labelled.classes == label)
            seed = int(rng.integers(2**31))
            if len(texts) > self.n_anchors:
                points = labelled.embeddings[texts].astype(np.float64)
                with threadpool_limits(limits=1):
                    _, spread = kmeans_plusplus(points, self.n_anchors, random_state=seed)
                texts = texts[np.unique(spread)]
            anchors.append(texts)
        return np.concatenate(anchors)
