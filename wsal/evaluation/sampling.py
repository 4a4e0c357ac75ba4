"""Which texts of a frame people label so that few labels measure quality well.

A frame is a random part of the pool whose gold is never trained on. It is cut into strata once, by
the first classifier; texts drawn from a stratum later on still make a simple random sample of it.
"""

import numpy as np

from wsal.arrays import Classes, Probs, Rows

LEAST = 30  # predicted texts that a class needs for strata of its own
FLOOR = 0.01  # variance of being right in a stratum that looks faultless


def strata(probs: Probs, most: int) -> Classes:
    """The stratum of each text, `(texts,)`, numbered from 0 without gaps, at most `most` (>= 3).

    Predicted class x third of its confidences. Where that would be too many, classes of like
    confidence are put together, for on average the thirds lower the error more than the classes;
    classes hardly ever predicted are put together in any case. Texts of equal confidence are never
    parted, and neighbours in number are alike. A quarter of the labels is plenty of strata.

    >>> sure = np.linspace(0.6, 0.9, 30, dtype=np.float32)
    >>> np.bincount(strata(np.column_stack([sure, 1 - sure]), most=3)).tolist()
    [10, 10, 10]
    """
    confidence = np.round(probs.max(axis=1).astype(np.float64), 6)
    group = _groups(probs.argmax(axis=1), confidence, max(1, most // 3))
    third = np.zeros(len(group), dtype=np.int64)
    for one in np.flatnonzero(np.bincount(group) >= LEAST):
        inside = group == one
        cuts = np.quantile(confidence[inside], [1 / 3, 2 / 3])
        third[inside] = np.searchsorted(cuts, confidence[inside])
    numbered: Classes = np.unique(3 * group + third, return_inverse=True)[1]
    return numbered


def top_up(
    stratum: Classes, probs: Probs, n: int, taken_rows: Rows, rng: np.random.Generator
) -> Rows:
    """`n` more rows of the frame (all that are left, if fewer), never one of `taken_rows`.

    `probs` are the newest classifier's: where it errs more, more is asked. Should only the first k
    be answered, they are what would have been drawn had k been asked for: each stratum has its
    share of them, at random. In an order that is random as a whole some strata would have none,
    and other strata's answers would have to stand for them.
    """
    sizes = np.bincount(stratum)
    right = np.bincount(stratum, probs.max(axis=1)) / np.maximum(sizes, 1)
    taken = np.bincount(stratum[taken_rows], minlength=len(sizes))
    spreads = np.sqrt(np.clip(right * (1 - right), 0, None) + FLOOR)
    turns = _turns(sizes, spreads, n, taken)
    rows = draw(stratum, np.bincount(turns, minlength=len(sizes)), taken_rows, rng)
    ordered = np.empty_like(rows)
    ordered[np.argsort(turns, kind="stable")] = rows[np.argsort(stratum[rows], kind="stable")]
    return ordered


def allocate(sizes: Classes, spreads: np.ndarray, n: int, taken: Classes) -> Classes:
    """How many more texts to draw from each stratum: `n` in all, or all that are left.

    Together with those `taken` they come as near as may be to shares of `sizes * spreads` (Neyman,
    1934), every stratum with two texts first. One at a time they go where they lower the variance
    most, which is the exact optimum in whole numbers (Wright, 2012).

    >>> nothing = np.zeros(2, np.int64)
    >>> allocate(np.array([100, 100]), np.array([0.1, 0.3]), 20, nothing).tolist()
    [5, 15]
    """
    return np.bincount(_turns(sizes, spreads, n, taken), minlength=len(sizes))


def _turns(sizes: Classes, spreads: np.ndarray, n: int, taken: Classes) -> Classes:
    """Which stratum each of the further texts comes from, in turn: `(n,)`, or all that are left."""
    counts, turns = taken.astype(np.int64), []
    for _ in range(min(n, int((sizes - taken).sum()))):
        wanted = sizes * spreads / np.sqrt(np.maximum(counts, 1) * (counts + 1.0))
        wanted = np.where(sizes > counts, wanted, -1.0)
        fewest = np.where(sizes > counts, np.minimum(counts, 2), 3)
        wanted[fewest > fewest.min()] = -1.0
        turns.append(wanted.argmax())
        counts[turns[-1]] += 1
    return np.array(turns, dtype=np.int64)


def draw(stratum: Classes, counts: Classes, taken_rows: Rows, rng: np.random.Generator) -> Rows:
    """`counts[h]` rows of each stratum h (all that are left, if fewer), never one of `taken_rows`.

    They come in random order.
    """
    rows = rng.permutation(np.setdiff1d(np.arange(len(stratum)), taken_rows))
    chosen = [rows[stratum[rows] == h][:count] for h, count in enumerate(counts)]
    drawn: Rows = rng.permutation(np.concatenate([*chosen, np.empty(0, np.int64)]))
    return drawn


def _groups(said: Classes, confidence: np.ndarray, most: int) -> Classes:
    """Which group of classes each text's predicted class is in: `(texts,)`, at most `most`."""
    sizes = np.bincount(said)
    mean = np.round(np.bincount(said, confidence) / np.maximum(sizes, 1), 6)
    order = np.lexsort((sizes, mean))
    large = order[sizes[order] >= LEAST]
    group = np.full(len(sizes), len(large))
    group[large] = np.arange(len(large))
    if group[said].max(initial=0) >= most:
        before = np.cumsum(sizes[order]) - sizes[order]
        group[order] = before * most // max(len(said), 1)
    return group[said]
