"""Which groups of texts to ask about at once: those whose answer is worth the most in a second."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wsal.active.words import PSEUDO_WORDS, TEXT_REACH
from wsal.arrays import Embeddings, Probs, Rows

ALIKE = 0.9  # cosine similarity to the seed, from which a text belongs to its cluster
LEAST, MOST = 3, 8  # texts of a group: fewer are quickly labelled one by one; more are hard to see
ANOTHER = 0.2
"""What the label of each further text is worth, compared with the first one's: texts as alike as
these tell a classifier nearly the same."""
APART = 2.0  # texts of separate errors that a group counts as, however many it has
AT_ONCE = 500  # rows of similarities held in memory


@dataclass(frozen=True)
class TextGroup:
    """Texts that are alike, and why it is worth asking whether all are of one class."""

    rows: Rows  # positions, the seed first, then the most similar
    predicted: int  # the class that the classifier predicts for each
    helps: float  # probability that the answer is yes
    gain: float  # share of all texts whose label the answer is expected to correct


def choose_groups(
    vectors: Embeddings,
    probs: Probs,
    seconds: Mapping[str, float],
    most_seconds: float,
    record: tuple[float, float] = (0.0, 0.0),
) -> list[TextGroup]:
    """The groups to ask about, most wanted first; possibly none.

    A group is a text, the seed, with the texts most similar to it for which the classifier predicts
    the same class. A yes labels all of them. What that is worth is the worth of a text's label
    (`TEXT_REACH`) for the first, and a fifth of it (`ANOTHER`) for each further text, times how
    unsure the classifier is of them, times the probability of a yes. Texts that are alike are
    mostly right or wrong together, so this probability is that of two of them (`APART`).

    Groups are chosen as long as this brings more per second than a text does, and only one of each
    cluster.

    Args:
        vectors: of texts that can be asked, `(texts, dims)`, of length 1.
        probs: the classifier's predictions for them, `(texts, classes)`.
        seconds: what a `text` and a `group` cost.
        most_seconds: that all groups together may cost.
        record: of the groups answered before, how many answers were yes, and how many were
            expected to be.
    """
    if len(vectors) < LEAST:
        return []
    predicted, sure = probs.argmax(axis=1), probs.max(axis=1).astype(np.float64)
    expected = (record[0] + PSEUDO_WORDS) / (record[1] + PSEUDO_WORDS)
    least = TEXT_REACH * (1 - sure).mean() * seconds["group"] / seconds["text"]
    clusters = _clusters(vectors, predicted)
    groups = []
    for seed, cluster in clusters.items():
        rows = cluster[:MOST]
        confidence = float(sure[rows].mean())
        helps = min(confidence**APART * expected, 1.0)
        worth = 1 + ANOTHER * (len(rows) - 1)
        gain = TEXT_REACH * worth * (1 - confidence) * helps
        if gain > least:
            groups.append(TextGroup(rows, int(predicted[seed]), helps, gain))
    chosen: list[TextGroup] = []
    is_taken = np.zeros(len(vectors), dtype=bool)
    for group in sorted(groups, key=lambda group: -group.gain):
        if (len(chosen) + 1) * seconds["group"] > most_seconds:
            break
        if not is_taken[group.rows].any():
            chosen.append(group)
            is_taken[clusters[int(group.rows[0])]] = True
    return chosen


def _clusters(vectors: Embeddings, predicted: np.ndarray) -> dict[int, Rows]:
    """For each seed with enough similar texts of its class: these, most similar first."""
    clusters: dict[int, Rows] = {}
    vectors = np.asarray(vectors, dtype=np.float32)
    for start in range(0, len(vectors), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        cosine = vectors[part] @ vectors.T
        cosine[predicted[part, None] != predicted] = -1.0
        for place, row in enumerate(cosine):
            row[start + place] = 2.0  # the seed comes first
            alike = np.flatnonzero(row >= ALIKE)
            if len(alike) >= LEAST:
                order = np.argsort(-row[alike], kind="stable")
                clusters[start + place] = alike[order]
    return clusters
