"""How far probabilities can be trusted: a reliability diagram and a risk-coverage curve."""

from typing import TYPE_CHECKING, Any

from wsal.evaluation.metrics import calibration_error
from wsal.evaluation.trust import reliability, risk_coverage
from wsal.inspection.judged import judged_texts
from wsal.inspection.run_view import RunView
from wsal.report.exported import read_export
from wsal.report.section import Section

if TYPE_CHECKING:
    import altair as alt

SHARES = (1.0, 0.9, 0.8, 0.7, 0.5)  # of the texts, in the table


def trust_section(view: RunView) -> Section | None:
    """Both curves for the judged texts; None where nothing is judged."""
    judged = view.once(judged_texts)
    if judged is None:
        return None
    export = read_export(view, "metrics.json")
    of_texts = judged.probs, judged.gold, judged.weights
    bins, curve = reliability(*of_texts), risk_coverage(*of_texts)
    figures = {
        "measured_on": judged.reference.name,
        "n_judged": len(judged.gold),
        "calibration_error": round(calibration_error(*of_texts), 6),
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


def _nearest(curve: list[dict[str, Any]], share: float) -> dict[str, Any]:
    """The point whose coverage is nearest."""
    return min(curve, key=lambda point: abs(point["coverage"] - share))


def _reliability_chart(bins: list[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    unit = alt.Scale(domain=[0, 1], nice=False)
    ends = alt.Data(values=[{"confidence": 0, "value": 0}, {"confidence": 1, "value": 1}])
    x, y = (
        alt.X("confidence:Q", title="probability", scale=unit),
        alt.Y("value:Q", title="share of right predictions", scale=unit),
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
            x=x, y=alt.Y("low:Q", title="share of right predictions", scale=unit), y2="high:Q"
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
        alt.Tooltip("threshold:Q", title="lowest probability", format=".3f"),
        alt.Tooltip("value:Q", title="errors", format=".1%"),
        alt.Tooltip("low:Q", title="low (90%)", format=".1%"),
        alt.Tooltip("high:Q", title="high (90%)", format=".1%"),
    ]
    layers = (
        base.mark_area(style="band").encode(
            x=x, y=alt.Y("low:Q", title="errors among accepted texts", axis=percent), y2="high:Q"
        ),
        base.mark_line().encode(
            x=x, y=alt.Y("value:Q", title="errors among accepted texts", axis=percent)
        ),
        base.mark_point(opacity=0, size=90).encode(x=x, y="value:Q", tooltip=tooltip),
    )
    return alt.layer(*layers).properties(width="container", height=300)
