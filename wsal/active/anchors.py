"""AnchorAL: look for rare classes near the few texts that are known to be of them."""

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import kmeans_plusplus
from threadpoolctl import threadpool_limits

from wsal.active.candidates import (
    Candidates,
    Labelled,
    QueryStrategy,
    Selection,
    among,
    joined,
    noted,
)
from wsal.active.neighbours import nearest
from wsal.active.ranking import ranked
from wsal.arrays import Rows
from wsal.settings import Positive


@dataclass(frozen=True)
class Anchors:
    """A strategy among the neighbours of labelled texts (Lesci and Vlachos, 2024).

    Each class has some of its labelled texts for anchors, spread out by k-means++. Candidates
    near an anchor, those of the highest mean similarity to the anchors they are near to, are
    what `base` chooses from (arXiv 2404.05623).
    """

    base: QueryStrategy
    n_anchors: Positive = 10
    """Of each class."""
    n_neighbours: Positive = 50
    """Candidates looked up for each anchor."""
    max_texts: Positive = 1000
    """Candidates that `base` chooses from."""
    only_rare: bool = True
    """Only classes with fewer labels than an equal share (all classes, if there are none such)."""

    def select(self, candidates: Candidates, size: int, rng: np.random.Generator) -> Selection:
        """Rows near anchors, as `base` ranks them; then, if those run out, others."""
        labelled = candidates.labelled
        if not labelled:
            chosen = self.base.select(candidates, size, rng)
            return noted(chosen, "nothing is labelled yet, so chosen among all")
        near = self._near(candidates, labelled, rng)[: max(self.max_texts, size)]
        found = among(self.base, candidates, near, size, rng)
        rare = "of rare classes" if self.only_rare else "of each class"
        found = noted(found, f"near labelled texts {rare}")
        far = np.setdiff1d(np.arange(len(candidates)), near)
        if len(near) >= size or not len(far):
            return found
        rest = among(self.base, candidates, far, size - len(near), rng)
        return joined([found, noted(rest, f"too few are near labelled texts {rare}")])

    def _near(self, candidates: Candidates, labelled: Labelled, rng: np.random.Generator) -> Rows:
        """Candidates near an anchor, by falling mean similarity."""
        anchors = labelled.embeddings[self._anchors(labelled, rng)]
        found, distances = nearest(anchors, candidates.embeddings, self.n_neighbours)
        times = np.bincount(found.ravel(), minlength=len(candidates))
        cosine = distances.ravel() ** 2 / 2
        total = np.bincount(found.ravel(), cosine, len(candidates))
        near = np.flatnonzero(times)
        distance = (total[near] / times[near]).astype(np.float32)
        return near[ranked(-distance, rng)]

    def _anchors(self, labelled: Labelled, rng: np.random.Generator) -> Rows:
        classes, counts = np.unique(labelled.classes, return_counts=True)
        rare = counts < counts.mean() if self.only_rare else np.zeros(len(classes), bool)
        anchors = []
        for one in classes[rare] if rare.any() else classes:
            texts = np.flatnonzero(labelled.classes == one)
            seed = int(rng.integers(2**31))
            if len(texts) > self.n_anchors:
                points = labelled.embeddings[texts].astype(np.float64)
                with threadpool_limits(limits=1):
                    _, spread = kmeans_plusplus(points, self.n_anchors, random_state=seed)
                texts = texts[np.unique(spread)]
            anchors.append(texts)
        return np.concatenate(anchors)
