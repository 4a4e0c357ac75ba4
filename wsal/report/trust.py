"""How far probabilities can be trusted: a reliability diagram and a risk-coverage curve."""

from typing import TYPE_CHECKING, Any

import numpy as np

from wsal.evaluation.metrics import calibration_error
from wsal.inspection.judged import Judged, judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.exported import read_export
from wsal.report.section import Section
from wsal.report.shares import shares_of, wilson

if TYPE_CHECKING:
    import altair as alt

BINS = 10  # of equal width
POINTS = 100  # of the risk-coverage curve, at most
SHARES = (1.0, 0.9, 0.8, 0.7, 0.5)  # of the texts, in the table


def trust_section(view: RunView) -> Section | None:
    """Both curves for the judged texts; None where nothing is judged."""
    judged = view.once(judged_texts)
    if judged is None:
        return None
    export = read_export(view, "metrics.json")
    bins, curve = reliability(judged), risk_coverage(judged)
    figures = {
        "measured_on": judged.reference.name,
        "n_judged": len(judged.gold),
        "calibration_error": round(calibration_error(judged.probs, judged.gold, judged.weights), 6),
        "reliability": bins,
        "curve": curve,
        "rows": [_nearest(curve, share) for share in SHARES],
        "temperature": export.get("temperature"),
        "calibrated_on": export.get("calibrated_on"),
        "calibration_error_of_export": export.get("calibration_error"),
        "export_measured_on": export.get("measured_on"),
    }
    charts = {"reliability": _reliability_chart(bins), "risk": _risk_chart(curve)}
    return Section("trust", "Probabilities", figures, charts)


def reliability(judged: Judged) -> list[dict[str, Any]]:
    """For each bin of confidence that has texts: their mean confidence, and the share right."""
    confidence = judged.probs.max(axis=1).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    right = shares_of(~judged.wrong, judged.weights, bins, BINS)
    weight = np.bincount(bins, judged.weights, BINS)
    total, n = (
        np.bincount(bins, judged.weights * confidence, BINS),
        np.bincount(bins, minlength=BINS),
    )
    return [
        {"confidence": round(float(total[b] / weight[b]), 6), "n": int(n[b])} | right.plain(b)
        for b in np.flatnonzero(n).tolist()
    ]


def risk_coverage(judged: Judged) -> list[dict[str, Any]]:
    """The share of errors (risk) among the texts whose confidence reaches a threshold.

    One point for each threshold, the highest first, with the share of the texts that reach it
    (coverage); of many thresholds, an even choice (El-Yaniv & Wiener, 2010).
    """
    confidence = judged.probs.max(axis=1).astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    weights, sure = judged.weights[order], confidence[order]
    total, squares = weights.cumsum(), (weights**2).cumsum()
    risk = wilson((weights * judged.wrong[order]).cumsum() / total, total**2 / squares)
    ends = np.flatnonzero(np.append(np.diff(sure) != 0, True))  # texts of equal confidence together
    if len(ends) > POINTS:
        wanted = np.linspace(1 / POINTS, 1, POINTS) * total[-1]
        ends = np.unique(ends[np.searchsorted(total[ends], wanted - 1e-9)])
    return [
        {"coverage": round(float(total[i] / total[-1]), 6), "threshold": float(sure[i])}
        | risk.plain(i)
        for i in ends.tolist()
    ]


def _nearest(curve: list[dict[str, Any]], share: float) -> dict[str, Any]:
    """The point whose coverage is nearest."""
    return min(curve, key=lambda point: abs(point["coverage"] - share))


def _reliability_chart(bins: list[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    unit = alt.Scale(domain=[0, 1], nice=False)
    ends = alt.Data(values=[{"confidence": 0, "value": 0}, {"confidence": 1, "value": 1}])
    x, y = (
        alt.X("confidence:Q", title="probability", scale=unit),
        alt.Y("value:Q", title="share that is right", scale=unit),
    )
    base = alt.Chart(alt.Data(values=bins))
    tooltip = [
        alt.Tooltip("confidence:Q", title="mean probability", format=".3f"),
        alt.Tooltip("value:Q", title="share right", format=".3f"),
        alt.Tooltip("low:Q", title="low (90%)", format=".3f"),
        alt.Tooltip("high:Q", title="high (90%)", format=".3f"),
        alt.Tooltip("n:Q", title="texts", format=","),
    ]
    layers = (
        alt.Chart(ends).mark_line(style="reference").encode(x=x, y=y),
        base.mark_rule(style="interval").encode(
            x=x, y=alt.Y("low:Q", title="share that is right", scale=unit), y2="high:Q"
        ),
        base.mark_line().encode(x=x, y=y),
        base.mark_point().encode(x=x, y=y, tooltip=tooltip),
    )
    return alt.layer(*layers).properties(width="container", height=300)


def _risk_chart(curve: list[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    base = alt.Chart(alt.Data(values=curve))
    x = alt.X(
        "coverage:Q",
        title="share of the texts that are accepted",
        axis=alt.Axis(format="%"),
        scale=alt.Scale(domain=[0, 1]),
    )
    percent = alt.Axis(format="%")
    tooltip = [
        alt.Tooltip("coverage:Q", title="accepted", format=".1%"),
        alt.Tooltip("threshold:Q", title="with at least", format=".3f"),
        alt.Tooltip("value:Q", title="errors", format=".1%"),
        alt.Tooltip("low:Q", title="low (90%)", format=".1%"),
        alt.Tooltip("high:Q", title="high (90%)", format=".1%"),
    ]
    layers = (
        base.mark_area(style="band").encode(
            x=x, y=alt.Y("low:Q", title="errors among them", axis=percent), y2="high:Q"
        ),
        base.mark_line().encode(x=x, y=alt.Y("value:Q", title="errors among them", axis=percent)),
        base.mark_point(opacity=0, size=90).encode(x=x, y="value:Q", tooltip=tooltip),
    )
    return alt.layer(*layers).properties(width="container", height=300)
