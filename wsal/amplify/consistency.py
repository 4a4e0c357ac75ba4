"""Whether predictions stay the same, as they should, if a text gets another colour or brand."""

from collections.abc import Sequence

import numpy as np

from wsal.amplify.lexicon import Lexicon
from wsal.amplify.operations import Record, attribute_swap
from wsal.arrays import Classes, Rows


def swap_attributes(
    texts: Sequence[str], classes: Classes, lexicon: Lexicon, rng: np.random.Generator
) -> tuple[Rows, list[str]]:
    """The rows of the texts in which an attribute could be replaced, and their new texts.

    Args:
        texts: the texts.
        classes: `(texts,)`, their gold or predicted classes: new values are those of the class.
        lexicon: from `build_lexicon`.
        rng: draws which attributes are replaced, and by what.
    """
    changed = [
        (row, new_text)
        for row, (text, label) in enumerate(zip(texts, classes.tolist(), strict=True))
        if (new_text := attribute_swap(Record(text, label), lexicon, rng)) is not None
    ]
    rows = np.array([row for row, _ in changed], dtype=np.int64)
    return rows, [new_text for _, new_text in changed]


def consistency(before: Classes, after: Classes) -> float:
    """Share of the texts whose predicted class is the same after the swap; NaN without texts.

    >>> consistency(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]))
    0.75
    """
    return float((before == after).mean()) if len(before) else float("nan")
