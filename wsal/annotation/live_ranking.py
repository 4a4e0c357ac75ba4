"""Rank texts anew while people answer, by a linear model on embeddings: the quick classifier."""

from collections.abc import Sequence

import numpy as np

from wsal.annotation.open_round import OpenRound
from wsal.arrays import Embeddings

FEWEST = 4  # answers; with fewer, or with one class only, the order of the query stays
Labelled = tuple[Embeddings, list[str]]
"""Vectors of texts that people labelled, and the labels."""
NOTHING: Labelled = (np.empty((0, 0), np.float32), [])


def uncertainty_order(
    open_round: OpenRound, labelled: Sequence[Labelled], remaining: Sequence[str]
) -> list[str]:
    """The `remaining` ids of training texts, least certain first, by logistic regression.

    It is fitted to the labelled texts. The place in the query counts as much as the margin: the
    strategy spread the texts over clusters, and a model of a few answers should not undo that.
    """
    labels = [label for _, own in labelled for label in own]
    if len(labels) < FEWEST or len(set(labels)) < 2 or len(remaining) < 2:
        return list(remaining)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  takes a second to import

    row = {text_id: number for number, text_id in enumerate(open_round.items)}
    model = LogisticRegression(C=10.0, max_iter=200)
    model.fit(np.concatenate([vectors for vectors, own in labelled if own]), labels)
    probs = model.predict_proba(open_round.vectors[[row[i] for i in remaining]])
    probs = np.sort(probs, axis=1)
    margin = probs[:, -1] - probs[:, -2]
    place = np.linspace(0, 1, len(remaining))
    return [remaining[i] for i in np.argsort(margin + place, kind="stable")]
