"""Which classes to offer where there are more than a prompt should list."""

import numpy as np


def shortlist(scores: np.ndarray, options: int, keep: np.ndarray | None = None) -> list[np.ndarray]:
    """For each text the classes to offer, as indices in ascending order.

    Classes to keep come first, then those with the highest scores; of equal scores, the class with
    the lower index.

    Args:
        scores: (texts, classes); such as similarities of embeddings, or probabilities.
        options: how many classes to offer; more where more have to be kept.
        keep: (texts, rules), classes that have to be offered, such as those that rules voted for;
            negative where there is none.

    >>> scores = np.array([[0.1, 0.7, 0.2, 0.0]])
    >>> shortlist(scores, 2, keep=np.array([[3, -1]]))
    [array([1, 3])]
    """
    n_texts, n_classes = scores.shape
    if options >= n_classes:
        return [np.arange(n_classes)] * n_texts
    kept = np.zeros(scores.shape, dtype=bool)
    if keep is not None:
        rows, columns = np.nonzero(keep >= 0)
        kept[rows, keep[rows, columns]] = True
    order = np.lexsort((-scores, ~kept), axis=1)
    sizes = np.maximum(options, kept.sum(axis=1))
    return [np.sort(row[:size]) for row, size in zip(order, sizes, strict=True)]
