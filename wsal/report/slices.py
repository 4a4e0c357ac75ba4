"""Where the classifier is worse: quality by value of any field, and other properties of texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsal.inspection.groupings import LEAST, groupings_of
from wsal.inspection.judged import Judged, judged_texts
from wsal.inspection.run_view import RunView
from wsal.inspection.slices import LEVEL, Slice, slices
from wsal.report.section import Section
from wsal.report.words import shortened

if TYPE_CHECKING:
    import altair as alt

SHOWN, IN_CHART, EXAMPLES = 20, 12, 4


def slices_section(view: RunView) -> Section | None:
    """The worst slices with their intervals, and errors in them; None before a classifier."""
    if not view.classifiers:
        return None
    judged = view.once(judged_texts)
    if judged is None:
        return Section("slices", "Slices", {"measured_on": None})
    groupings, ungrouped = groupings_of(view, judged)
    ranked = slices(groupings, ~judged.wrong, judged.weights)
    n_clear = sum(s.is_worse for s in ranked)
    shown = ranked[: max(SHOWN, min(n_clear, 2 * SHOWN))]
    rows = [_row(view, judged, s) for s in shown]
    figures = {
        "measured_on": judged.reference.name,
        "n_texts": len(judged.gold),
        "accuracy": round(float(np.average(~judged.wrong, weights=judged.weights)), 6),
        "level": LEVEL,
        "least": LEAST,
        "by": [grouping.by for grouping in groupings],
        "ungrouped": ungrouped,
        "n_slices": len(ranked),
        "n_worse": n_clear,
        "slices": rows,
    }
    charts = {"worst": _chart(rows[:IN_CHART])} if rows else {}
    return Section("slices", "Slices", figures, charts)


def _row(view: RunView, judged: Judged, part: Slice) -> dict[str, Any]:
    """A slice as plain values."""
    return {
        "by": part.by,
        "value": shortened(part.value, 60),
        "n": part.n_texts,
        "n_wrong": part.n_wrong,
        "accuracy": _interval(part.accuracy, part.low, part.high),
        "rest": round(part.rest, 6),
        "difference": _interval(part.difference, part.difference_low, part.difference_high),
        "worse": part.is_worse,
        "errors": _errors(view, judged, part.rows[judged.wrong[part.rows]]),
    }


def _errors(view: RunView, judged: Judged, wrong: np.ndarray) -> list[dict[str, Any]]:
    """The wrong texts of a slice whose predictions are the most confident."""
    confidence = judged.probs[wrong].max(axis=1)
    first = wrong[np.argsort(-confidence, kind="stable")[:EXAMPLES]]
    names = view.labels.names
    return [
        {
            "text": shortened(judged.records["text"][int(row)]),
            "gold": names[judged.gold[row]],
            "predicted": names[judged.predicted[row]],
            "confidence": round(float(judged.probs[row].max()), 4),
        }
        for row in first
    ]


def _interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}


def _chart(rows: Sequence[dict[str, Any]]) -> "alt.LayerChart":
    """The difference of each slice from the rest, with its interval."""
    import altair as alt  # noqa: PLC0415  takes a second

    points = [
        {
            "slice": f"{row['by']}: {row['value']}",
            "order": number,
            **row["difference"],
            "accuracy": row["accuracy"]["value"],
            "texts": row["n"],
            "is": "clearly worse" if row["worse"] else "may be due to chance",
        }
        for number, row in enumerate(rows)
    ]
    place = alt.Y("slice:N", sort=alt.SortField("order"), title=None, axis=alt.Axis(labelLimit=260))
    across = {
        "title": "accuracy, difference from all other texts",
        "axis": alt.Axis(format="+.0%", tickCount=8),
    }
    kind = alt.Color(
        "is:N",
        title=None,
        scale=alt.Scale(
            domain=["clearly worse", "may be due to chance"], range=["#c8442f", "#7f858f"]
        ),
        legend=alt.Legend(orient="top"),
    )
    tooltip = [
        "slice:N",
        alt.Tooltip("accuracy:Q", format=".3f"),
        alt.Tooltip("value:Q", format="+.3f", title="difference"),
        alt.Tooltip("low:Q", format="+.3f"),
        alt.Tooltip("high:Q", format="+.3f"),
        alt.Tooltip("texts:Q", format=","),
    ]
    base = alt.Chart(alt.Data(values=points)).encode(y=place, color=kind, tooltip=tooltip)
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(style="reference").encode(x="zero:Q")
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", **across), x2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q"),
    ).properties(width="container", height=24 * len(points))
