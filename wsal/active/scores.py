"""How unsure a prediction is. Higher is always less sure, and asked sooner."""

import numpy as np

from wsal.arrays import Probs, Scores


def entropy(probs: Probs) -> Scores:
    """Shannon entropy as a share of its largest value, in [0, 1].

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]], dtype=np.float32)).tolist()
    [1.0, 0.0]
    """
    safe = np.clip(probs, np.finfo(np.float32).tiny, 1.0)
    nats = -(probs * np.log(safe)).sum(axis=1) / np.log(probs.shape[1])
    scores: Scores = np.clip(nats + 0.0, 0, 1).astype(np.float32)
    return scores


def margin(probs: Probs) -> Scores:
    """One minus the gap between the two likeliest classes, in [0, 1] (Scheffer et al., 2001).

    >>> margin(np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]], dtype=np.float32)).tolist()
    [0.75, 1.0]
    """
    top = np.partition(probs, -2, axis=1)[:, -2:]
    return (1 - (top[:, 1] - top[:, 0])).astype(np.float32)
