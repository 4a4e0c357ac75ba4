"""How much better each run is than the first one, overall and class by class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from wsal.inspection.class_differences import class_differences
from wsal.inspection.paired import LEAST, Measured, Pair, pair
from wsal.report.compare_runs import ComparedRun
from wsal.report.section import Section
from wsal.report.words import METRICS
from wsal.rounds.assessment import LEVEL, Metric
from wsal.seeding import rng

if TYPE_CHECKING:
    import altair as alt

PLACES = {"frame": "texts of the evaluation sample", "dev": "texts of the dev split"}
CLASSES_SHOWN = 40


@dataclass(frozen=True)
class Against:
    """A run, compared with the first one; without a pair, they share too few texts."""

    run: str
    first: Measured
    second: Measured
    pair: Pair | None


def against_first(runs: Sequence[ComparedRun]) -> list[Against]:
    """Every run but the first that something measures, if something measures the first."""
    first, *others = runs
    base = first.measured
    if base is None:
        return []
    return [
        Against(run.name, base, run.measured, pair(base, run.measured))
        for run in others
        if run.measured
    ]


def differences_section(runs: Sequence[ComparedRun], compared: Sequence[Against]) -> Section:
    """Differences in both metrics from the first run, paired where texts are shared."""
    level = 1 - (1 - LEVEL) / max(len(compared), 1)
    rows = [_row(against, level) for against in compared]
    figures = {
        "first": runs[0].name,
        "n_runs": len(runs),
        "unmeasured": [run.name for run in runs if run.measured is None],
        "level": LEVEL,
        "least": LEAST,
        "rows": rows,
    }
    charts = {
        metric.replace("_", "-"): _chart(rows, metric, name)
        for metric, name in METRICS.items()
        if rows
    }
    return Section("compare_differences", "Differences", figures, charts)


def _row(against: Against, level: float) -> dict[str, Any]:
    """The differences of a run, as plain values, with intervals that hold together."""
    z, both = float(ndtri(0.5 + level / 2)), against.pair
    row: dict[str, Any] = {"run": against.run, "paired": both is not None}
    if both:
        row |= {"n": both.n_texts, "on": PLACES[both.place], "contradicting": both.n_contradicting}
    metrics: tuple[Metric, ...] = ("macro_f1", "accuracy")
    for metric in metrics:
        if both:
            estimate = both.difference(metric)
            value, variance = estimate.value, estimate.variance
        else:
            before, after = (run.estimates[metric] for run in (against.first, against.second))
            value, variance = after.value - before.value, before.variance + after.variance
        radius = z * float(np.sqrt(variance))
        row[metric] = _interval(value, max(value - radius, -1), min(value + radius, 1))
    return row


def classes_section(runs: Sequence[ComparedRun], compared: Sequence[Against]) -> Section | None:
    """Differences in F1 of each class; None where no run shares texts with the first."""
    pairs = [(a.run, a.pair) for a in compared if a.pair]
    if not pairs:
        return None
    n_intervals = sum(len(both.labels) for _, both in pairs)
    level = 1 - (1 - LEVEL) / n_intervals
    rows = list[dict[str, Any]]()
    for name, both in pairs:
        differ = class_differences(both, level, rng(0, "compare", "classes"))
        rows += [
            {
                "run": name,
                "class": label,
                "n": int(differ.n_gold[c]),
                "first": round(float(differ.first[c]), 6),
                "second": round(float(differ.second[c]), 6),
                "difference": _interval(differ.difference[c], differ.low[c], differ.high[c]),
                "gained": int(differ.gained[c]),
                "lost": int(differ.lost[c]),
            }
            for c, label in enumerate(both.labels.names)
            if abs(differ.difference[c]) > 0  # nor NaN
        ]
    rows.sort(key=lambda r: (not _is_clear(r), -abs(r["difference"]["value"]), r["class"]))
    figures = {
        "first": runs[0].name,
        "level": LEVEL,
        "n_rows": len(rows),
        "n_clear": sum(map(_is_clear, rows)),
        "several": len(pairs) > 1,
        "rows": [row | {"is_clear": _is_clear(row)} for row in rows[:CLASSES_SHOWN]],
    }
    if not rows:
        return Section("compare_classes", "Classes", figures)
    chart = _heat_map(rows) if len(pairs) > 1 else _class_chart(rows[:CLASSES_SHOWN])
    return Section("compare_classes", "Classes", figures, {"f1": chart})


def _is_clear(row: dict[str, Any]) -> bool:
    low, high = row["difference"]["low"], row["difference"]["high"]
    return low is not None and (low > 0 or high < 0)


def _interval(value: float, low: float, high: float) -> dict[str, Any]:
    ends = {"value": value, "low": low, "high": high}
    return {key: None if np.isnan(end) else round(float(end), 6) for key, end in ends.items()}


def _chart(rows: Sequence[dict[str, Any]], metric: str, name: str) -> "alt.LayerChart":
    points = [{"name": r["run"], "n": r.get("n"), **r[metric]} for r in rows]
    return _intervals(points, f"{name}, difference from the first run")


def _class_chart(rows: Sequence[dict[str, Any]]) -> "alt.LayerChart":
    points = [{"name": r["class"], "n": r["n"], **r["difference"]} for r in rows]
    points.sort(key=lambda p: -p["value"])
    return _intervals(points, "F1, difference from the first run")


def _intervals(points: Sequence[dict[str, Any]], title: str) -> "alt.LayerChart":
    """A row for each point: the difference with its interval, and a line at 0."""
    import altair as alt  # noqa: PLC0415  takes a while

    values = [point | {"order": number} for number, point in enumerate(points)]
    order = alt.SortField("order")
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=300))
    x = {"title": title, "axis": alt.Axis(format="+.3~f", tickCount=5, labelOverlap=True)}
    tooltip = [
        alt.Tooltip("name:N", title=" "),
        *(alt.Tooltip(f"{key}:Q", title=words, format="+.3f")
          for key, words in (("value", "difference"), ("low", "low"), ("high", "high"))),
        alt.Tooltip("n:Q", title="texts", format=","),
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=values)).encode(y=y, tooltip=tooltip)
    interval = base.mark_rule(style="interval").encode(x=alt.X("low:Q", **x), x2="high:Q")
    has_intervals = any(point["low"] is not None for point in points)
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(style="reference").encode(x="zero:Q")
    return alt.layer(
        zero,
        *([interval] if has_intervals else []),
        base.mark_point(opacity=1).encode(x=alt.X("value:Q", **x)),
    ).properties(width="container", height=24 * len(values))


def _heat_map(rows: Sequence[dict[str, Any]]) -> "alt.Chart":
    """Classes by runs, coloured by the difference in F1."""
    import altair as alt  # noqa: PLC0415  takes a while

    values = [
        {key: row[key] for key in ("run", "class", "n")}
        | {"difference": row["difference"]["value"]}
        for row in rows
    ]
    most = max(abs(value["difference"]) for value in values) or 1.0
    scale = alt.Scale(domain=[-most, 0, most], range=["#c8442f", "#8d8d8d22", "#2f6fb5"])
    return (
        alt.Chart(alt.Data(values=values))
        .mark_rect()
        .encode(
            x=alt.X("run:N", title=None, axis=alt.Axis(labelAngle=-35, labelLimit=200), sort=None),
            y=alt.Y("class:N", title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color("difference:Q", scale=scale, legend=alt.Legend(format="+.2f")),
            tooltip=["run:N", "class:N", alt.Tooltip("difference:Q", format="+.3f"), "n:Q"],
        )
        .properties(width="container", height=18 * len({value["class"] for value in values}))
    )
