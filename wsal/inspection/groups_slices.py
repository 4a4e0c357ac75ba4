"""Slices of the texts that measure, as groups: what they have in common is a value."""

import numpy as np

from wsal.inspection.groupings import groupings_of
from wsal.inspection.groups import SLICE, Group, Population
from wsal.inspection.judged import Judged
from wsal.inspection.run_view import RunView
from wsal.inspection.slices import slices


def slice_groups(view: RunView, judged: Judged, population: Population) -> list[Group]:
    """The slices, worst first; the intervals of all hold at once.

    Args:
        view: the run.
        judged: the texts that measure.
        population: the same texts, as groups are looked for in them.
    """
    groupings, _ = groupings_of(view, judged)
    groups = []
    for part in slices(groupings, ~judged.wrong, judged.weights):
        n = float(population.weights[part.rows].sum())
        n_wrong = n * (1 - part.accuracy)
        name = f"{part.by}: {part.value}"
        note = "worse than the rest, beyond chance" if part.is_worse else ""
        rows = part.rows[population.listed[part.rows]]
        low, high = 1 - part.high, 1 - part.low
        excess = n_wrong - population.rate * n
        groups.append(Group(SLICE, name, np.sort(rows), n, n_wrong, low, high, excess, note))
    return groups
