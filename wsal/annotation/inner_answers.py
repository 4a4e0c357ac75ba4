"""Simulated answers of people who are sure of a part of a class tree alone."""

from collections.abc import Sequence

import numpy as np

from wsal.labels import LabelSet


def some_inner(
    answers: Sequence[str | None], share: float, labels: LabelSet, rng: np.random.Generator
) -> list[str | None]:
    """The answers, a share of them with one of the parents above the class in its place.

    They are drawn by a child of `rng`, so that its own numbers do not depend on the share.

    >>> labels = LabelSet(("Tea", "Pets"), {"Drinks": ("Tea",)})
    >>> some_inner(["Tea", "Pets", None], 1.0, labels, np.random.default_rng(0))
    ['Drinks', 'Pets', None]
    """
    changed = list(answers)
    if not share:
        return changed
    for place, (is_inner, which) in enumerate(rng.spawn(1)[0].random((len(answers), 2))):
        parents = [name for name, classes in labels.parents.items() if answers[place] in classes]
        if is_inner < share and parents:
            changed[place] = parents[int(which * len(parents))]
    return changed
