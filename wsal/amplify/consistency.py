"""Do predictions survive another colour, brand or size? They should: the class is the same."""

from collections.abc import Sequence

import numpy as np

from wsal.amplify.lexicon import Lexicon
from wsal.amplify.operations import Record, attribute_swap
from wsal.arrays import Classes, Rows


def swapped(
    texts: Sequence[str], classes: Classes, lexicon: Lexicon, rng: np.random.Generator
) -> tuple[Rows, list[str]]:
    """Texts with attributes exchanged, and the rows of those that had any.

    Args:
        texts: the texts.
        classes: `(texts,)`, their gold or predicted classes: values are those of the class.
        lexicon: from `mine`.
        rng: draws which attributes are exchanged, and for what.
    """
    found = [
        (row, text)
        for row, (one, label) in enumerate(zip(texts, classes.tolist(), strict=True))
        if (text := attribute_swap(Record(one, label), lexicon, rng)) is not None
    ]
    rows = np.array([row for row, _ in found], dtype=np.int64)
    return rows, [text for _, text in found]


def consistency(before: Classes, after: Classes) -> float:
    """Share of texts `(texts,)` whose predicted class is the same after the swap; NaN of none.

    >>> consistency(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]))
    0.75
    """
    return float((before == after).mean()) if len(before) else float("nan")
