"""Which of one's own predictions to learn from, and how much: the core of COSINE."""

import numpy as np

from wsal.arrays import Probs


def confident_targets(probs: Probs, threshold: float) -> tuple[Probs, np.ndarray]:
    """Sharpened predictions `(texts, classes)` and how much each text counts, 0 where unsure.

    A prediction is squared, divided by how common its class is, and normalised anew; its sureness
    is 1 - entropy / log(classes). Yu et al., Fine-Tuning Pre-trained Language Model with Weak
    Supervision (2021), section 3.

    >>> sure_targets(np.array([[0.9, 0.1], [0.5, 0.5]], dtype=np.float32), 0.4)[1].round(2).tolist()
    [0.53, 0.0]
    """
    squared = probs.astype(np.float64) ** 2 / np.maximum(probs.sum(axis=0), 1e-9)
    targets = squared / squared.sum(axis=1, keepdims=True)
    entropy = -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1)
    sureness = 1 - entropy / np.log(max(2, probs.shape[1]))
    return targets.astype(np.float32), np.where(sureness >= threshold, sureness, 0.0)
