"""How far annotators agree: Krippendorff's alpha, as a whole and by class."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np


def krippendorff(answers: Sequence[Mapping[str, Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal data; None where fewer than two answers meet on any text.

    `answers` has one mapping a text, from annotator to label. 1 is perfect agreement, 0 that of
    chance (Krippendorff, Content Analysis, 2018, chapter 12).

    >>> krippendorff([{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 2}, {"a": 2}])
    0.4444
    """
    units = [list(one.values()) for one in answers if len(one) > 1]
    names = sorted({label for one in units for label in one}, key=str)
    if not units:
        return None
    at = {name: i for i, name in enumerate(names)}
    pairs = np.zeros((len(names), len(names)))
    for one in units:
        counts = np.bincount([at[label] for label in one], minlength=len(names)).astype(float)
        pairs += (np.outer(counts, counts) - np.diag(counts)) / (len(one) - 1)
    totals = pairs.sum(axis=1)
    n = totals.sum()
    by_chance = (n**2 - (totals**2).sum()) / (n - 1)
    if by_chance == 0:
        return 1.0  # all answers are the same label
    return round(float(1 - (n - np.trace(pairs)) / by_chance), 4)


def by_class(answers: Sequence[Mapping[str, Hashable]]) -> dict[Hashable, float | None]:
    """Alpha of each label against all others."""
    names = sorted({label for one in answers for label in one.values()}, key=str)
    return {
        name: krippendorff([{who: said == name for who, said in one.items()} for one in answers])
        for name in names
    }
