"""All runs in parallel coordinates: an axis for each setting that differs, and for each result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wsal.report.section import Section
from wsal.report.words import METRICS

if TYPE_CHECKING:
    import altair as alt

LEAST_RUNS, MOST_SETTINGS, MOST_TICKS = 3, 8, 8
AXIS_WIDTH = 150  # pixels
LEAST_GAP = 0.06  # of an axis, between two ticks
RESULTS = {
    "macro_f1": "macro-F1",
    "accuracy": "accuracy",
    "minutes": "minutes of people",
    "money": "money",
    "machine_minutes": "machine minutes",
}


def sweep_section(overview: Section) -> Section | None:
    """The plot; None for fewer than three measured runs, or where no setting differs.

    It shows the figures of `overview_section`.
    """
    figures = overview.figures
    rows = [row for row in figures["rows"] if row["macro_f1"]]
    settings = figures["settings"][:MOST_SETTINGS]
    if len(rows) < LEAST_RUNS or not settings:
        return None
    columns = {key: [row["settings"][key] for row in rows] for key in settings}
    for key, name in RESULTS.items():
        values = [row[key]["value"] if key in METRICS else row[key] for row in rows]
        if None not in values and len(set(values)) > 1:
            columns[name] = values
    axes = [_axis(name, values) for name, values in columns.items()]
    lines = [
        {"run": row["run"], "axis": axis["name"], "at": axis["at"][number],
         "value": _words(columns[axis["name"]][number]), "macro-F1": row["macro_f1"]["value"]}
        for axis in axes
        for number, row in enumerate(rows)
    ]  # fmt: skip
    shown = {
        "axes": [{key: axis[key] for key in ("name", "ticks")} for axis in axes],
        "lines": lines,
        "n_runs": len(rows),
        "settings_left_out": figures["settings"][MOST_SETTINGS:],
    }
    return Section(
        "compare_sweep", "Settings and results", shown, {"parallel": _chart(axes, lines)}
    )


def _axis(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Where each value is on its axis, in [0, 1], and what is written at the axis."""
    distinct = list(dict.fromkeys(values))
    if all(isinstance(value, int | float) for value in values):
        low, high = min(values), max(values)
        span = (high - low) or 1
        at = [(value - low) / span for value in values]
        few = len(distinct) <= MOST_TICKS // 2
        ticks = list[dict[str, Any]]()
        for value in sorted(distinct) if few else [low, (low + high) / 2, high]:
            place = (value - low) / span
            if not ticks or place - ticks[-1]["at"] >= LEAST_GAP:
                ticks.append({"at": place, "value": _words(value)})
    else:
        names = sorted(distinct, key=str)
        step = max(len(names) - 1, 1)
        at = [names.index(value) / step for value in values]
        every = -(-len(names) // MOST_TICKS)
        ticks = [
            {"at": n / step, "value": _words(v)} for n, v in enumerate(names) if n % every == 0
        ]
    return {"name": name, "at": at, "ticks": ticks}


def _words(value: Any) -> str:  # noqa: ANN401
    """A value as it stands at an axis.

    >>> _words(0.123456), _words(12000), _words("Margin")
    ('0.123', '12000', 'Margin')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _chart(axes: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]]) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415  takes a while

    names = [axis["name"] for axis in axes]
    ticks = [{"axis": a["name"], **tick} for a in axes for tick in a["ticks"]]
    x = alt.X("axis:N", sort=names, title=None,
              axis=alt.Axis(labelAngle=0, orient="top", grid=True, labelLimit=160),
              scale=alt.Scale(type="point", padding=0.5))  # fmt: skip
    y = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[-0.04, 1.04], nice=False))
    hovered = alt.selection_point(
        fields=["run"], on="pointerover", clear="pointerout", name="hovered"
    )
    scale = alt.Scale(type="linear", range=["#e0a33e", "#3f86c0"], interpolate="lab")
    gradient = alt.Legend(orient="bottom", type="gradient", format=".2f", gradientLength=240)
    base = alt.Chart(alt.Data(values=list(lines))).encode(
        x=x,
        y=y,
        detail="run:N",
        tooltip=["run:N", "axis:N", "value:N", alt.Tooltip("macro-F1:Q", format=".3f")],
        opacity=alt.when(hovered).then(alt.value(0.85)).otherwise(alt.value(0.1)),
    )
    labels = alt.Chart(alt.Data(values=ticks)).encode(x=x, y=y, text="value:N")
    return alt.layer(
        base.mark_line(strokeWidth=2, strokeJoin="round")
        .encode(color=alt.Color("macro-F1:Q", scale=scale, legend=gradient))
        .add_params(hovered),
        base.mark_point(size=40, color="#8d8d8d"),
        labels.mark_text(align="left", dx=6, dy=-9, style="note"),
    ).properties(width=max(640, AXIS_WIDTH * len(names)), height=340)
