"""The learning curve with its forecast, and where each stop rule would have ended the run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wsal.evaluation.forecast import forecast
from wsal.inspection.run_view import RunView
from wsal.report.outlook import (
    TARGET,
    assessments,
    outlook,
    rules_that_stop,
    stop_settings,
    verdicts_now,
)
from wsal.report.section import Section
from wsal.report.words import METRICS
from wsal.rounds.learning_curve import labels_counted, learning_curve

if TYPE_CHECKING:
    import altair as alt

Point = dict[str, Any]


def curve_section(view: RunView) -> Section:
    """Both metrics after each round, and forecasts of them."""
    assessed, stop = assessments(view), stop_settings(view)
    rules = rules_that_stop(view)
    figures: dict[str, Any] = {
        "n_rounds": len(assessed),
        "measured_on": assessed[-1]["measured_on"] if assessed else None,
        "has_llm": bool(assessed and assessed[-1].get("llm")),
        "curves": {},
        "target": stop.target or TARGET,
        "target_of": METRICS[stop.metric],
        "has_target": stop.target is not None,
        "sentences": [],
        "rules": rules,
        "now": verdicts_now(view),
    }
    if not figures["measured_on"]:
        return Section("curve", "Learning curve", figures)
    facts = assessed[-1]
    for metric in METRICS:
        figures["curves"][metric] = _curve(facts, metric, figures["target"])
    if ahead := view.once(outlook):
        figures["sentences"] = list(ahead.sentences)
    labels = figures["curves"][stop.metric]["rounds"]
    ends = [rule | {"labels": labels[rule["round"]]["labels"]} for rule in rules if rule["round"]]
    charts = {
        metric.replace("_", "-"): _chart(
            curve, METRICS[metric], figures["target"] if metric == stop.metric else None, ends
        )
        for metric, curve in figures["curves"].items()
    }
    return Section("curve", "Learning curve", figures, charts)


def _curve(facts: dict[str, Any], metric: str, target: float) -> dict[str, list[Point]]:
    rounds = [
        {
            "round": assessed["round"],
            "labels": round(float(labels), 2),
            **{key: assessed[metric][key] for key in ("value", "low", "high")},
        }
        for labels, assessed in zip(labels_counted(facts), facts["rounds"], strict=True)
    ]
    points = learning_curve(facts, metric)
    if not len(points.counts):
        return {"rounds": rounds, "forecast": []}
    ahead = forecast(points, target)
    columns = (ahead.counts, ahead.lows, ahead.medians, ahead.highs)
    steps = [
        dict(
            zip(("labels", "low", "value", "high"), (round(float(v), 5) for v in row), strict=True)
        )
        for row in zip(*columns, strict=True)
    ]
    return {"rounds": rounds, "forecast": steps}


def _chart(
    curve: dict[str, list[Point]], name: str, target: float | None, ends: Sequence[Point]
) -> "alt.LayerChart":
    """Points with intervals, the forecast band, the target, and where rules would have ended."""
    import altair as alt  # noqa: PLC0415  takes a while

    def data(points: Sequence[Point]) -> alt.Data:
        return alt.Data(values=list(points))

    x = alt.X("labels:Q", title="labels", scale=alt.Scale(nice=False))
    y = alt.Y("value:Q", title=name, scale=alt.Scale(zero=False))
    ahead, measured = alt.Chart(data(curve["forecast"])), alt.Chart(data(curve["rounds"]))
    tooltip = [
        alt.Tooltip("round:Q", title="round"),
        alt.Tooltip("labels:Q", title="labels", format=",.0f"),
        *(alt.Tooltip(f"{key}:Q", title=title, format=".3f")
          for key, title in (("value", name), ("low", "low (90%)"), ("high", "high (90%)"))),
    ]  # fmt: skip
    of_forecast = [
        alt.Tooltip("labels:Q", title="labels", format=",.0f"),
        *(alt.Tooltip(f"{key}:Q", title=title, format=".3f")
          for key, title in (("value", "forecast"), ("low", "low (80%)"), ("high", "high (80%)"))),
    ]  # fmt: skip
    layers: list[alt.Chart] = [
        ahead.mark_area(style="band").encode(x=x, y=alt.Y("low:Q", title=name), y2="high:Q"),
        ahead.mark_line(style="ahead").encode(x=x, y=y, tooltip=of_forecast),
    ]
    if target is not None:
        at = alt.Chart(data([{"value": target, "words": f"target {target:g}"}]))
        layers.append(at.mark_rule(style="reference").encode(y=y))
        layers.append(
            at.mark_text(style="note", align="left", dy=-6).encode(
                x=alt.value(4), y=y, text="words:N"
            )
        )
    if ends:
        merged: dict[float, list[str]] = {}
        for end in ends:
            merged.setdefault(end["labels"], []).append(end["rule"])
        marks = [{"labels": n, "words": ", ".join(names)} for n, names in merged.items()]
        at = alt.Chart(data(marks))
        layers.append(at.mark_rule(style="reference").encode(x=x))
        text = at.mark_text(style="note", align="right", angle=270, dy=-7, dx=-4)
        layers.append(text.encode(x=x, y=alt.value(0), text="words:N"))
    layers += [
        measured.mark_rule(style="interval").encode(x=x, y=alt.Y("low:Q", title=name), y2="high:Q"),
        measured.mark_line().encode(x=x, y=y),
        measured.mark_point().encode(x=x, y=y, tooltip=tooltip),
    ]
    return alt.layer(*layers).properties(width="container", height=280)
