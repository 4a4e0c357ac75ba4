"""A quick probe on cached embeddings: it learns from each answer, and ranks what is left."""

from collections.abc import Mapping, Sequence

import numpy as np

from wsal.annotation.open_round import OpenRound

LEAST = 4  # answers, and two classes: with fewer the query's own order stands


def order(open_round: OpenRound, answers: Mapping[str, str], left: Sequence[str]) -> list[str]:
    """The ids of training texts that are left, least sure first, by a logistic regression.

    It learns from `answers` (id -> label) to training texts. The place in the query counts for
    half: the strategy spread the texts over clusters, and a probe of a few answers should not undo
    that.
    """
    known = [one for one in answers if one in open_round.items]
    if len(known) < LEAST or len({answers[one] for one in known}) < 2 or len(left) < 2:
        return list(left)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  a second, in a thread

    row = {one: number for number, one in enumerate(open_round.items)}
    model = LogisticRegression(C=10.0, max_iter=200)
    model.fit(open_round.vectors[[row[o] for o in known]], [answers[o] for o in known])
    probs = np.sort(model.predict_proba(open_round.vectors[[row[o] for o in left]]), axis=1)
    margin = probs[:, -1] - probs[:, -2]
    place = np.linspace(0, 1, len(left))
    return [left[i] for i in np.argsort(margin + place, kind="stable")]
