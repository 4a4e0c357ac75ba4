"""How often each rule is right on the texts that measure quality."""

from typing import Any

import numpy as np

from wsal import tables
from wsal.arrays import ABSTAIN
from wsal.artifacts import Artifact
from wsal.evaluation.shares import share_of
from wsal.inspection.judged import judged_texts
from wsal.inspection.run_view import RunView
from wsal.members import judge, members_of
from wsal.rounds.assessment import LEVEL
from wsal.rounds.vote_tables import votes_file

Measured = tuple[dict[str, Any], int]


def judged_precision(
    view: RunView, votes: Artifact
) -> tuple[str | None, float, dict[str, Measured]]:
    """What measures, the level of intervals, and of each rule its precision and judged votes.

    The precision is weighted as an estimate of quality is: a text stands for those like it.
    """
    judged = view.once(judged_texts)
    if judged is None:
        return None, LEVEL, {}
    sample, rows, split = judged.reference.sample, judged.reference.sample.rows, "dev"
    if judged.reference.place == "frame":
        if view.measured is None:
            return None, LEVEL, {}
        rows, split = view.measured.rows[sample.rows], "pool"
    path = votes.path / votes_file(split)
    table = tables.take(path, rows, tables.rule_names(path))
    measured: dict[str, Measured] = {}
    for name in table.columns:
        vote = table[name].to_numpy()
        cast = np.flatnonzero(vote != ABSTAIN)
        if len(cast):
            right, _ = judge(vote[cast], judged.gold[cast], members_of(view.labels))
            is_right = right.astype(np.float64)
            measured[name] = (share_of(is_right, judged.weights[cast]), len(cast))
    return judged.reference.name, LEVEL, measured
