"""Targets for self-training from the model's own confident predictions, as in COSINE."""

import numpy as np

from wsal.arrays import Probs


def confident_targets(probs: Probs, threshold: float) -> tuple[Probs, np.ndarray]:
    """Sharpened predictions `(texts, classes)` and the weight of each text, 0 if it is unsure.

    Probabilities are squared, divided by the frequency of their class, and normalised again. The
    weight is the confidence, 1 - entropy / log(classes), if that is at least `threshold`. Yu et
    al., Fine-Tuning Pre-trained Language Model with Weak Supervision (2021), section 3.

    >>> probs = np.array([[0.9, 0.1], [0.5, 0.5]], dtype=np.float32)
    >>> confident_targets(probs, 0.4)[1].round(2).tolist()
    [0.53, 0.0]
    """
    squared = probs.astype(np.float64) ** 2 / np.maximum(probs.sum(axis=0), 1e-9)
    targets = squared / squared.sum(axis=1, keepdims=True)
    entropy = -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1)
    confidence = 1 - entropy / np.log(max(2, probs.shape[1]))
    return targets.astype(np.float32), np.where(confidence >= threshold, confidence, 0.0)
