"""Summaries of texts beside a reference, as one HTML page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsal.report.page import Report
from wsal.report.section import Section
from wsal.report.words import shortened
from wsal.serving.comparison import DRIFT, FEATURES, Comparison
from wsal.serving.summaries import (
    CLASSES,
    CONFIDENCE,
    DISTANCE,
    NEW_WORDS,
    WORDS,
    Summary,
    bin_names,
)

if TYPE_CHECKING:
    import altair as alt

MOST_CLASSES = 25  # in the chart
REFERENCE, NEW = "reference", "these texts"
UNITS = {
    CONFIDENCE: "probability of the likeliest class",
    NEW_WORDS: "new words in a text",
    DISTANCE: "mean surprise of the words, bits",
    WORDS: "words in a text",
}


def drift_report(
    reference: Summary, compared: Sequence[Comparison], least_effect: float, error: float
) -> Report:
    """The page about these comparisons; its charts show the last one, which is the newest."""
    newest = compared[-1]
    sections = [
        _overview(reference, compared, least_effect, error),
        _classes(reference, newest),
        _inputs(reference, newest),
    ]
    title = f"Drift of {newest.name}" if len(compared) == 1 else f"Drift of {len(compared)} periods"
    return Report(title, tuple(section for section in sections if section))


def _overview(
    reference: Summary, compared: Sequence[Comparison], least_effect: float, error: float
) -> Section:
    rows = [
        {
            "name": comparison.name,
            "n": comparison.summary.n_texts,
            "abstained": _share(comparison.summary.n_abstained, comparison.summary.n_texts),
            "verdict": comparison.verdict,
            "changes": {
                c.feature: _cell(c.effect, c.p_value, c.verdict) for c in comparison.changes
            },
        }
        for comparison in compared
    ]
    drifted = [c.name for c in compared if c.verdict == DRIFT]
    figures = {
        "reference": {
            "about": reference.about,
            "n": reference.n_texts,
            "model": reference.model,
            "abstained": _share(reference.n_abstained, reference.n_texts),
        },
        "features": FEATURES,
        "rows": rows,
        "drifted": drifted,
        "least_effect": least_effect,
        "error": error,
        "models": sorted({c.summary.model for c in compared} - {reference.model}),
        "n_left_out": sum(c.summary.n_left_out for c in compared),
        "of_pool": reference.about == "pool",
    }
    charts = {"effects": _effects_chart(compared, least_effect)}
    return Section("drift_overview", "Overview", figures, charts)


def _cell(effect: float, p_value: float, verdict: str) -> dict[str, Any]:
    p = "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
    return {"effect": effect, "p": p, "verdict": verdict}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _classes(reference: Summary, newest: Comparison) -> Section | None:
    if not newest.classes:
        return None
    rows = [
        {
            "class": reference.labels[change.number],
            "before": change.before,
            "after": change.after,
            "low": change.low,
            "high": change.high,
            "is_sure": change.is_sure,
        }
        for change in newest.classes
        if change.before or change.after
    ]
    shown = rows[:MOST_CLASSES]
    figures = {"name": newest.name, "rows": rows, "n_shown": len(shown), "n_classes": len(rows)}
    return Section("drift_classes", "Classes", figures, {"shares": _classes_chart(shown)})


def _inputs(reference: Summary, newest: Comparison) -> Section | None:
    features = [c.feature for c in newest.changes if c.feature != CLASSES]
    if not features:
        return None
    charts = {name: _bins_chart(name, reference, newest.summary) for name in features}
    names = {name: FEATURES[name] for name in features}
    return Section("drift_inputs", "Texts", {"name": newest.name, "features": names}, charts)


def _effects_chart(compared: Sequence[Comparison], least_effect: float) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    points: list[dict[str, Any]] = [
        {"period": comparison.name, "feature": FEATURES[change.feature], "effect": change.effect}
        for comparison in compared
        for change in comparison.changes
    ]
    order = [comparison.name for comparison in compared]
    top = max([2 * least_effect, *(point["effect"] for point in points)])
    scale = alt.Scale(domain=[0, top], nice=True)
    y = alt.Y("effect:Q", title="effect", scale=scale)
    tooltip = ["period:N", "feature:N", alt.Tooltip("effect:Q", format=".3f")]
    limit = alt.Chart(alt.Data(values=[{"effect": least_effect}]))
    rule = limit.mark_rule(style="reference")
    if len(compared) == 1:
        scaled = {"title": "effect", "scale": scale, "axis": alt.Axis(tickCount=6)}
        bars = (
            alt.Chart(alt.Data(values=points))
            .mark_bar(height=18)
            .encode(
                x=alt.X("effect:Q", **scaled),
                y=alt.Y("feature:N", title=None, sort="-x", axis=alt.Axis(labelLimit=260)),
                tooltip=tooltip,
            )
        )
        layers = alt.layer(bars, rule.encode(x=alt.X("effect:Q", **scaled)))
        return layers.properties(width="container", height=34 * len(FEATURES))
    x = alt.X("period:N", title=None, sort=order, axis=alt.Axis(labelAngle=-30))
    colour = alt.Color("feature:N", title=None, legend=alt.Legend(orient="bottom", columns=3))
    base = alt.Chart(alt.Data(values=points)).encode(x=x, y=y, color=colour, tooltip=tooltip)
    layers = alt.layer(rule.encode(y=y), base.mark_line(), base.mark_point())
    return layers.properties(width="container", height=280)


def _classes_chart(rows: Sequence[dict[str, Any]]) -> "alt.Chart":
    import altair as alt  # noqa: PLC0415  takes a while

    points = [
        {"class": shortened(row["class"], 40), "of": of, "share": row[key], "place": place}
        for place, row in enumerate(rows)
        for of, key in ((REFERENCE, "before"), (NEW, "after"))
    ]
    return (
        alt.Chart(alt.Data(values=points))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of the texts", axis=alt.Axis(format="%")),
            y=alt.Y("class:N", title=None, sort=alt.EncodingSortField("place"),
                    axis=alt.Axis(labelLimit=260)),
            yOffset=alt.YOffset("of:N", sort=[REFERENCE, NEW]),
            color=_colour(),
            tooltip=["class:N", "of:N", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(width="container", height=max(90, 30 * len(rows)))
    )  # fmt: skip


def _bins_chart(name: str, reference: Summary, new: Summary) -> "alt.Chart":
    import altair as alt  # noqa: PLC0415  takes a while

    names = bin_names(name)
    points = [
        {"bin": names[place], "of": of, "share": n / max(1, summary.n_texts)}
        for of, summary in ((REFERENCE, reference), (NEW, new))
        for place, n in enumerate(summary.counts[name])
    ]
    used = np.flatnonzero(np.add(reference.counts[name], new.counts[name]))
    shown = names[used[0] : used[-1] + 1]
    return (
        alt.Chart(alt.Data(values=[point for point in points if point["bin"] in shown]))
        .mark_bar()
        .encode(
            x=alt.X("bin:N", title=UNITS[name], sort=shown, axis=alt.Axis(labelAngle=-45)),
            xOffset=alt.XOffset("of:N", sort=[REFERENCE, NEW]),
            y=alt.Y("share:Q", title="share of the texts", axis=alt.Axis(format="%")),
            color=_colour(),
            tooltip=["bin:N", "of:N", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(width="container", height=200)
    )


def _colour() -> "alt.Color":
    import altair as alt  # noqa: PLC0415  takes a while

    legend = alt.Legend(orient="top")
    return alt.Color("of:N", title=None, sort=[REFERENCE, NEW], legend=legend)
