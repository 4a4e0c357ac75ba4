"""Gold labels that look wrong, which people should review."""

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from wsal.active.proxy import fit_proxy
from wsal.arrays import Classes, Embeddings, Probs, Rows, Scores

FOLDS = 5
SURE = 0.95  # probability of the gold label that proxies are fitted to


def find_issues(
    embeddings: Embeddings, gold: Classes, rng: np.random.Generator
) -> tuple[Rows, Classes, Scores]:
    """Rows whose gold label is likely wrong, worst first.

    Confident learning (Northcutt et al., 2021; cleanlab) on out-of-fold probabilities of proxies.
    `embeddings` should come from a classifier that was not trained on these labels.

    Returns:
        The rows, a more likely class for each, and the quality of its label in [0, 1].
    """
    names, classes = np.unique(gold, return_inverse=True)
    if len(names) < 2 or len(gold) < 2 * FOLDS:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    probs = out_of_fold(embeddings, classes, rng)
    quality = get_label_quality_scores(classes, probs, method="self_confidence")
    flagged = find_label_issues(classes, probs, filter_by="prune_by_noise_rate", n_jobs=1)
    flagged &= probs.argmax(axis=1) != classes
    rows = np.flatnonzero(flagged)[np.argsort(quality[flagged], kind="stable")]
    return rows, names[probs[rows].argmax(axis=1)], quality[rows].astype(np.float32)


def out_of_fold(embeddings: Embeddings, classes: Classes, rng: np.random.Generator) -> Probs:
    """Probabilities of each text by a proxy fitted to the other folds, `(texts, classes)`."""
    n, n_classes = len(classes), int(classes.max()) + 1
    targets = np.full((n, n_classes), (1 - SURE) / max(n_classes - 1, 1), np.float32)
    targets[np.arange(n), classes] = SURE
    probs = np.empty((n, n_classes), np.float32)
    for fold in np.array_split(rng.permutation(n), FOLDS):
        others = np.setdiff1d(np.arange(n), fold)
        probs[fold] = fit_proxy(embeddings[others], targets[others]).predict(embeddings[fold])
    return probs
