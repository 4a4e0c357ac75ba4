"""Which rules disagree with which, counted on texts of the pool, and the heat map of it."""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from wsal import tables
from wsal.arrays import ABSTAIN, Mask
from wsal.artifacts import Artifact
from wsal.members import nested
from wsal.rounds.vote_tables import votes_file

if TYPE_CHECKING:
    import altair as alt

COUNTED = 100_000
"""Texts that conflicts are counted on; of a larger pool, an even sample."""
SIDE = 520  # pixels of the map, if cells can be that small
CELL = (16, 34)  # pixels
CUT = 40  # characters of a rule's name beside the map


def conflict_counts(
    votes: Artifact, rules: Sequence[str], members: Mask | None = None
) -> tuple[list[dict[str, Any]], int]:
    """For each two of the rules: texts on which both vote, and on which for different classes.

    With `members` `(codes, classes)`, a parent and a class of it are not different. Pairs that
    never meet are left out. Also how many texts were looked at.
    """
    path = votes.path / votes_file("pool")
    step = max(-(-tables.n_rows(path) // COUNTED), 1)
    table = tables.scan(path).select(rules).gather_every(step).collect()
    columns = [table[name].to_numpy() for name in rules]
    voted = [column != ABSTAIN for column in columns]
    cells = []
    for (j, rule), (k, other) in combinations(enumerate(rules), 2):
        both = np.flatnonzero(voted[j] & voted[k])
        if len(both):
            first, second = columns[j][both], columns[k][both]
            differ = first != second if members is None else ~nested(members)[first, second]
            apart = int(differ.sum())
            cells.append({"rule": rule, "other": other, "both": len(both), "conflicts": apart})
    return cells, len(table)


def conflict_map(cells: list[dict[str, Any]], rules: Sequence[str]) -> "alt.LayerChart":
    """A heat map of the texts on which two rules disagree; the whole square, so symmetric."""
    import altair as alt  # noqa: PLC0415  takes a while

    mirrored = [cell | {"rule": cell["other"], "other": cell["rule"]} for cell in cells]
    rows = [row | {"share": row["conflicts"] / row["both"]} for row in (*cells, *mirrored)]
    step = int(np.clip(SIDE / len(rules), *CELL))
    scale = alt.Scale(domain=list(rules), paddingInner=0.06)
    labels = {"labelLimit": 170, "labelOverlap": False, "labelFontSize": 11}
    x = alt.X(
        "other:N", scale=scale, axis=alt.Axis(title=None, orient="top", labelAngle=-60, **labels)
    )
    y = alt.Y("rule:N", scale=scale, axis=alt.Axis(title=None, **labels))
    tooltip = [
        alt.Tooltip("rule:N", title="rule"),
        alt.Tooltip("other:N", title="other rule"),
        alt.Tooltip("conflicts:Q", title="texts in conflict", format=","),
        alt.Tooltip("both:Q", title="texts with both votes", format=","),
        alt.Tooltip("share:Q", title="share in conflict", format=".1%"),
    ]
    most = max((row["conflicts"] for row in rows), default=1) or 1
    colour = alt.Color(
        "conflicts:Q", title="texts in conflict",
        scale=alt.Scale(type="sqrt", domain=[0, most]),
        legend=alt.Legend(orient="bottom", gradientLength=200, format=",d"),
    )  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y, tooltip=tooltip)
    layers = [base.mark_rect(cornerRadius=2).encode(color=colour)]
    if step > 22:
        seen = base.transform_filter("datum.conflicts > 0")
        for style, test in (("on-pale", "<"), ("on-strong", ">=")):
            text = seen.mark_text(style=style, fontSize=10)
            of_style = text.transform_filter(f"datum.conflicts {test} {0.4 * most}")
            layers.append(of_style.encode(text=alt.Text("conflicts:Q", format=",d")))
    return alt.layer(*layers).properties(width={"step": step}, height={"step": step})
