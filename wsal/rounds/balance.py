"""Draw texts to train on, so that rare classes are not lost among frequent ones."""

import numpy as np

from wsal.arrays import Classes, Probs, Rows
from wsal.classifier.training_plan import cycled

SAMPLE = 20
"""Of a large pool, classes are balanced within a random sample of this many times the texts."""


def class_to_balance(probs: Probs, *, multilabel: bool) -> Classes:
    """`(texts,)`: the class by which texts are balanced; the likeliest by weak labels.

    Where a text may have several classes, it is the one whose probability is the highest multiple
    of its mean over the texts, since the likeliest ones are the frequent ones.

    >>> probs = np.array([[0.9, 0.1], [0.9, 0.4]])
    >>> [class_to_balance(probs, multilabel=multilabel).tolist() for multilabel in (False, True)]
    [[0, 0], [0, 1]]
    """
    if multilabel and len(probs):
        probs = probs / np.maximum(probs.mean(axis=0, dtype=np.float64), 1e-9)
    classes: Classes = probs.argmax(axis=1)
    return classes


def balanced(classes: Classes, n: int, power: float, rng: np.random.Generator) -> Rows:
    """Positions of `n` texts, ascending; a class of m texts gets a share like m ** (1 - power).

    With `power` 0 these are the shares of the classes, with 1 all classes get as many texts. Of
    frequent classes some texts are left out, and those of rare classes are repeated, all of them
    equally often (give or take one time). With 0.5 this is the square-root sampling of Mahajan et
    al. (2018, "Exploring the limits of weakly supervised pretraining").

    Args:
        classes: `(texts,)`, the likeliest class of each.
        n: how many positions to draw.
        power: in [0, 1].
        rng: draws which of the texts.

    >>> classes = np.array([0] * 90 + [1] * 10)
    >>> [np.bincount(classes[balanced(classes, 40, p, np.random.default_rng(0))]).tolist()
    ...  for p in (0, 0.5, 1)]
    [[36, 4], [30, 10], [20, 20]]
    """
    present, counts = np.unique(classes, return_counts=True)
    shares = counts ** (1.0 - power)
    wanted = n * shares / max(shares.sum(), 1)
    sizes = np.floor(wanted).astype(int)
    largest = np.argsort(sizes - wanted, kind="stable")[: n - sizes.sum() if len(sizes) else 0]
    sizes[largest] += 1
    drawn = [
        cycled(np.flatnonzero(classes == label), size, rng)
        for label, size in zip(present, sizes, strict=True)
    ]
    return np.sort(np.concatenate([np.empty(0, np.int64), *drawn]))
