"""How uncertain predictions are. Higher scores mean less certain, and are asked sooner."""

import numpy as np

from wsal.arrays import Probs, Scores


def least_confidence(probs: Probs) -> Scores:
    """One minus the largest probability, in [0, 1] (Lewis and Gale, 1994).

    >>> least_confidence(np.array([[0.5, 0.25, 0.25], [1.0, 0, 0]], dtype=np.float32)).tolist()
    [0.5, 0.0]
    """
    scores: Scores = (1 - probs.max(axis=1)).astype(np.float32)
    return scores


def entropy(probs: Probs) -> Scores:
    """Shannon entropy divided by its largest possible value, in [0, 1].

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]], dtype=np.float32)).tolist()
    [1.0, 0.0]
    """
    share = _nats(probs) / np.log(probs.shape[1])
    scores: Scores = np.clip(share + 0.0, 0, 1).astype(np.float32)
    return scores


def margin(probs: Probs) -> Scores:
    """One minus the gap between the two likeliest classes, in [0, 1] (Scheffer et al., 2001).

    >>> margin(np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]], dtype=np.float32)).tolist()
    [0.75, 1.0]
    """
    top = np.partition(probs, -2, axis=1)[:, -2:]
    return (1 - (top[:, 1] - top[:, 0])).astype(np.float32)


def _nats(probs: np.ndarray) -> np.ndarray:
    safe = np.clip(probs, np.finfo(np.float32).tiny, 1.0)
    nats: np.ndarray = -(probs * np.log(safe)).sum(axis=1)
    return nats
