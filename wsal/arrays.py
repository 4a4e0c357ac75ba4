"""The types of arrays that modules pass to each other, with their shapes.

Axes: `texts`, `rules`, `classes`, `dims` (embedding width), `query` (texts asked in one round).
"""

import numpy as np
from numpy.typing import NDArray

ABSTAIN = -1  # the vote of a rule that does not apply to a text; the only negative vote

Votes = NDArray[np.int16]  # (texts, rules): a class, or ABSTAIN
Vote = NDArray[np.int16]  # (texts,): the votes of one rule
Classes = NDArray[np.int64]  # (texts,): a class, in [0, classes); or see `is_indicator_matrix`
Probs = NDArray[np.float32]  # (texts, classes): rows sum to 1
Prior = NDArray[np.float64]  # (classes,): sums to 1
Confusion = NDArray[np.float64]  # (rules, classes, classes): P(vote | class, the rule voted)
Embeddings = NDArray[np.float32]  # (texts, dims)
Scores = NDArray[np.float32]  # (texts,): texts with higher scores are asked first
Weights = NDArray[np.float64]  # (texts,): how many texts, or rows of the source, a text stands for
Rows = NDArray[np.int64]  # (query,): positions in an array of texts
Mask = NDArray[np.bool_]  # (texts,): of a large pool, an eighth of the memory that `Rows` take


def is_indicator_matrix(gold: Classes) -> bool:
    """Whether gold is `(texts, classes)` of 0 and 1, a set for each text, rather than `(texts,)`.

    >>> is_indicator_matrix(np.array([[1, 0], [1, 1]])), is_indicator_matrix(np.array([0, 1]))
    (True, False)
    """
    return gold.ndim == 2
