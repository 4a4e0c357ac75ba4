"""How unsure a classifier is of a text that may have several classes."""

import numpy as np

from wsal.arrays import Probs

AT_ONCE = 100_000  # texts whose entropies are computed at once


def doubt_view(probs: Probs) -> Probs:
    """`(texts, 2)`: the doubt about each text in the form of two classes, for query strategies.

    The doubt is the mean binary entropy of all classes, in bits. The second class has half of it as
    its probability: so the margin score of the two is the doubt, least confidence is half of it,
    and entropy has the same order.

    >>> doubt_view(np.array([[0.5, 1.0], [0.0, 1.0]])).round(2).tolist()
    [[0.75, 0.25], [1.0, 0.0]]
    """
    view = np.empty((len(probs), 2), dtype=np.float32)
    for first in range(0, len(probs), AT_ONCE):
        part = np.clip(probs[first : first + AT_ONCE].astype(np.float64), 1e-12, 1 - 1e-12)
        entropy = -(part * np.log2(part) + (1 - part) * np.log2(1 - part))
        view[first : first + AT_ONCE, 1] = entropy.mean(axis=1) / 2
    view[:, 0] = 1 - view[:, 1]
    return view


def reason_of(reason: str) -> str:
    """A strategy's reason for such a text, in words that fit.

    >>> reason_of("margin 0.88; typical of 3 unsure texts")
    'certainty 0.88 in the mean of all classes; typical of 3 unsure texts'
    """
    first, mark, rest = reason.partition(";")
    if not first.startswith("margin "):
        return reason
    return f"certainty {first.removeprefix('margin ')} in the mean of all classes{mark}{rest}"
