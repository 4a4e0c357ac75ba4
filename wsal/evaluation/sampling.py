"""Which texts of the evaluation frame people label, so that few labels measure quality well.

The frame is a random part of the pool, at most a fifth, that is never trained on. So estimates on
it hold for the pool, and all rounds are measured on the same texts. It is divided into strata once,
by the first classifier: texts that are added later within fixed strata still form a simple random
sample of each. With the newest classifier's strata, the weights of older labels would be unknown.
"""

import numpy as np

from wsal.arrays import Classes, Probs, Rows

LEAST = 30  # texts that must be predicted as a class for it to have strata of its own
NO_ROWS = np.empty(0, np.int64)
LEAST_VARIANCE = 0.01  # of being right, added in each stratum: none is taken for faultless


def strata(probs: Probs, most: int) -> Classes:
    """The stratum of each text, `(texts,)`, numbered from 0 without gaps, at most `most` (>= 3).

    A stratum is a predicted class and a third of its texts, by confidence. If that would be too
    many, classes of similar confidence are merged, since on average the thirds reduce the error
    more than the classes do. Classes that are hardly ever predicted are always merged. Texts of
    equal confidence are never separated, and strata with neighbouring numbers are similar. As many
    strata as a quarter of the labels are enough.

    >>> sure = np.linspace(0.6, 0.9, 30, dtype=np.float32)
    >>> np.bincount(strata(np.column_stack([sure, 1 - sure]), most=3)).tolist()
    [10, 10, 10]
    """
    confidence = np.round(probs.max(axis=1).astype(np.float64), 6)
    group = _groups(probs.argmax(axis=1), confidence, max(1, most // 3))
    third = np.zeros(len(group), dtype=np.int64)
    for g in np.flatnonzero(np.bincount(group) >= LEAST):
        in_group = group == g
        cuts = np.quantile(confidence[in_group], [1 / 3, 2 / 3])
        third[in_group] = np.searchsorted(cuts, confidence[in_group])
    numbered: Classes = np.unique(3 * group + third, return_inverse=True)[1]
    return numbered


def top_up(
    stratum: Classes,
    probs: Probs,
    n: int,
    taken_rows: Rows,
    rng: np.random.Generator,
    first: Rows = NO_ROWS,
) -> Rows:
    """`n` more rows of the frame (all that are left, if fewer), never one of `taken_rows`.

    Strata in which the classifier of `probs` `(frame, classes)`, the newest one, is less sure get
    more texts. The first k rows are those that would have been drawn for n = k, so a round can end
    after any text. (In a wholly random order, the first k might miss some strata, and answers in
    other strata would have to stand for them.) Within its stratum, texts in `first`, a random part
    of the frame, are drawn before the others.
    """
    sizes = np.bincount(stratum)
    right = np.bincount(stratum, probs.max(axis=1)) / np.maximum(sizes, 1)
    taken = np.bincount(stratum[taken_rows], minlength=len(sizes))
    spreads = np.sqrt(np.clip(right * (1 - right), 0, None) + LEAST_VARIANCE)
    order = _allocation_order(sizes, spreads, n, taken)
    rows = draw(stratum, np.bincount(order, minlength=len(sizes)), taken_rows, rng, first)
    ordered = np.empty_like(rows)
    ordered[np.argsort(order, kind="stable")] = rows[np.argsort(stratum[rows], kind="stable")]
    return ordered


def allocate(sizes: Classes, spreads: np.ndarray, n: int, taken: Classes) -> Classes:
    """How many more texts to draw from each stratum: `n` in all, or all that are left.

    Every stratum gets two texts first. Then, together with those `taken`, the texts of a stratum
    are proportional to `sizes * spreads` (Neyman, 1934), up to rounding: each text goes where it
    lowers the variance most, which is the exact optimum in whole numbers (Wright, 2012).

    Args:
        sizes: `(strata,)`, how many texts of the frame each has.
        spreads: `(strata,)`, the standard deviation of the measured quantity in each.
        n: how many texts to draw.
        taken: `(strata,)`, how many texts were drawn before.

    >>> nothing = np.zeros(2, np.int64)
    >>> allocate(np.array([100, 100]), np.array([0.1, 0.3]), 20, nothing).tolist()
    [5, 15]
    """
    return np.bincount(_allocation_order(sizes, spreads, n, taken), minlength=len(sizes))


def _allocation_order(sizes: Classes, spreads: np.ndarray, n: int, taken: Classes) -> Classes:
    """The stratum that each further text comes from, one after another: at most `(n,)`."""
    counts = taken.astype(np.int64)
    order = []
    for _ in range(min(n, int((sizes - taken).sum()))):
        priority = sizes * spreads / np.sqrt(np.maximum(counts, 1) * (counts + 1.0))
        priority = np.where(sizes > counts, priority, -1.0)
        first_two = np.where(sizes > counts, np.minimum(counts, 2), 3)
        priority[first_two > first_two.min()] = -1.0
        stratum = priority.argmax()
        order.append(stratum)
        counts[stratum] += 1
    return np.array(order, dtype=np.int64)


def draw(
    stratum: Classes,
    counts: Classes,
    taken_rows: Rows,
    rng: np.random.Generator,
    first: Rows = NO_ROWS,
) -> Rows:
    """`counts[h]` rows of each stratum h (all that are left, if fewer), never one of `taken_rows`.

    Those in `first` are drawn before the others. The result is in random order.
    """
    rows = rng.permutation(np.setdiff1d(np.arange(len(stratum)), taken_rows))
    rows = rows[np.argsort(~np.isin(rows, first), kind="stable")]
    chosen = [rows[stratum[rows] == h][:count] for h, count in enumerate(counts)]
    drawn: Rows = rng.permutation(np.concatenate([*chosen, np.empty(0, np.int64)]))
    return drawn


def _groups(predicted: Classes, confidence: np.ndarray, most: int) -> Classes:
    """The group of classes that each text's predicted class is in, `(texts,)`; at most `most`."""
    sizes = np.bincount(predicted)
    mean = np.round(np.bincount(predicted, confidence) / np.maximum(sizes, 1), 6)
    order = np.lexsort((sizes, mean))
    large = order[sizes[order] >= LEAST]
    group = np.full(len(sizes), len(large))
    group[large] = np.arange(len(large))
    if group[predicted].max(initial=0) >= most:
        n_before = np.cumsum(sizes[order]) - sizes[order]
        group[order] = n_before * most // max(len(predicted), 1)
    return group[predicted]
