"""How far annotators agree: Krippendorff's alpha, overall and by class."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np


def krippendorff(answers: Sequence[Mapping[str, Hashable]]) -> float | None:
    """Krippendorff's alpha for nominal data; None if no text has two answers.

    `answers` has one mapping per text, from annotator to label. 1 is perfect agreement, 0 that of
    chance (Krippendorff, Content Analysis, 2018, chapter 12).

    >>> krippendorff([{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 2}, {"a": 2}])
    0.4444
    """
    from krippendorff import alpha  # noqa: PLC0415  for the page only

    shared = [list(labels.values()) for labels in answers if len(labels) > 1]
    if not shared:
        return None
    distinct = dict.fromkeys(label for labels in shared for label in labels)
    classes = {label: number for number, label in enumerate(distinct)}
    if len(classes) == 1:
        return 1.0  # the formula gives 0/0
    counts = np.zeros((len(shared), len(classes)), np.int64)
    for row, labels in enumerate(shared):
        np.add.at(counts[row], [classes[label] for label in labels], 1)
    return round(float(alpha(value_counts=counts, level_of_measurement="nominal")), 4)


def by_class(answers: Sequence[Mapping[str, Hashable]]) -> dict[Hashable, float | None]:
    """Alpha of each label against all others."""
    labels = sorted({label for text in answers for label in text.values()}, key=str)
    return {
        label: krippendorff([{who: own == label for who, own in text.items()} for text in answers])
        for label in labels
    }
