"""Rank the texts of an open round anew while people answer, by a linear model on embeddings."""

from collections.abc import Mapping, Sequence

import numpy as np

from wsal.annotation.open_round import OpenRound

FEWEST = 4  # answers; with fewer, or with one class only, the order of the query stays


def uncertainty_order(
    open_round: OpenRound, labels: Mapping[str, str], remaining: Sequence[str]
) -> list[str]:
    """The `remaining` ids of training texts, least certain first, by logistic regression.

    It is fitted to `labels` (id -> label) of answered training texts. The place in the query counts
    as much as the margin: the strategy spread the texts over clusters, and a model of a few answers
    should not undo that.
    """
    answered = [text_id for text_id in labels if text_id in open_round.items]
    one_class = len({labels[text_id] for text_id in answered}) < 2
    if len(answered) < FEWEST or one_class or len(remaining) < 2:
        return list(remaining)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  takes a second to import

    row = {text_id: number for number, text_id in enumerate(open_round.items)}
    model = LogisticRegression(C=10.0, max_iter=200)
    vectors = open_round.vectors
    model.fit(vectors[[row[i] for i in answered]], [labels[i] for i in answered])
    probs = np.sort(model.predict_proba(vectors[[row[i] for i in remaining]]), axis=1)
    margin = probs[:, -1] - probs[:, -2]
    place = np.linspace(0, 1, len(remaining))
    return [remaining[i] for i in np.argsort(margin + place, kind="stable")]
