"""The two plots of the model card, as PNG files beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "plots"
LEAST_COVERAGE = 0.1  # in the plot: errors among fewer texts are hardly known
MAX_CLASSES = 40  # in the plot: those with the lowest F1
SCALE = 2  # pixels for each unit of length
ACCENT, SOFT, LINE = "#0b5fa5", "#5b5852", "#e6e2da"
CONFIG = {
    "background": "white",
    "padding": 12,
    "font": "Liberation Sans, DejaVu Sans, Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": SOFT, "titleColor": SOFT, "gridColor": LINE, "domain": False,
        "ticks": False, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "labelPadding": 6, "titlePadding": 10, "labelLimit": 260, "labelFlush": False,
        "tickCount": 5,
    },
    "title": {
        "fontSize": 13, "anchor": "start", "frame": "group", "offset": 12, "color": "#1c1b19",
    },
    "mark": {"color": ACCENT},
    "point": {"filled": True, "size": 55, "opacity": 1},
    "concat": {"spacing": 110},
}  # fmt: skip
UNIT = {"domain": [0, 1], "nice": False}


def write_plots(out: Path, metrics: Mapping[str, Any]) -> list[str]:
    """Write the plots of what metrics.json holds; their paths in `out`. None, if nothing measures.

    The bytes depend on the metrics and on the fonts of the machine. The plots are plain Vega-Lite,
    because Altair takes a second to import, and exports would wait for it.
    """
    if metrics["measured_on"] is None:
        return []
    import vl_convert

    (out / FOLDER).mkdir(exist_ok=True)
    specs = {"probabilities": _probabilities(metrics), "classes": _classes(metrics["classes"])}
    for name, spec in specs.items():
        png = vl_convert.vegalite_to_png(spec, config=CONFIG, scale=SCALE)
        (out / FOLDER / f"{name}.png").write_bytes(png)
    return [f"{FOLDER}/{name}.png" for name in specs]


def _probabilities(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Reliability, and beside it the errors among the texts that are accepted."""
    x = _axis("confidence", "probability", format=".1f", scale=UNIT)
    y = _axis("value", "share that is right", format=".0%", scale=UNIT)
    ends = [{"confidence": end, "value": end} for end in (0, 1)]
    perfect = {
        "data": {"values": ends},
        "mark": {"type": "line", "color": SOFT, "strokeDash": [2, 3], "strokeWidth": 1.2},
        "encoding": {"x": x, "y": y},
    }
    reliability = {
        "title": "Are the probabilities right?",
        "data": {"values": metrics["reliability"]},
        "width": 300,
        "height": 260,
        "layer": [
            perfect,
            _interval({"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}}),
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y}},
            {"mark": "point", "encoding": {"x": x, "y": y}},
        ],
    }
    x = _axis("coverage", "share of the texts that are accepted", format=".0%", scale=UNIT)
    y = _axis("value", "errors among them", format=".0%", scale={"nice": 5})
    accepted_points = [p for p in metrics["risk_coverage"] if p["coverage"] >= LEAST_COVERAGE]
    accepted = {
        "title": "Errors, if only the most probable are accepted",
        "data": {"values": accepted_points},
        "width": 300,
        "height": 260,
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.16},
                "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y}},
        ],
    }
    return {"hconcat": [reliability, accepted], "bounds": "flush"}


def _classes(classes: Mapping[str, Any]) -> dict[str, Any]:
    """F1 of each class with its interval, the highest first."""
    rows = [
        {"class": name, "f1": of["f1"], "low": of["f1_interval"][0], "high": of["f1_interval"][1]}
        for name, of in classes.items()
    ]
    rows.sort(key=lambda row: (-row["f1"], row["class"]))
    rows = rows[-MAX_CLASSES:]
    x = _axis("f1", "F1", format=".2f", scale={"zero": False, "nice": 5})
    y = {"field": "class", "type": "nominal", "sort": None, "axis": {"title": None}}
    return {
        "title": "F1 of each class" + (", the lowest" if len(classes) > len(rows) else ""),
        "data": {"values": rows},
        "width": 480,
        "height": {"step": 22},
        "layer": [
            _interval({"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"}}),
            {"mark": "point", "encoding": {"x": x, "y": y}},
        ],
    }


def _axis(field: str, title: str, format: str, **more: Any) -> dict[str, Any]:  # noqa: A002, ANN401
    """A quantitative axis."""
    return {
        "field": field,
        "type": "quantitative",
        "axis": {"title": title, "format": format},
        **more,
    }


def _interval(encoding: Mapping[str, Any]) -> dict[str, Any]:
    """A thin line between the ends of an interval."""
    mark = {"type": "rule", "strokeWidth": 1.6, "opacity": 0.6, "color": ACCENT}
    return {"mark": mark, "encoding": encoding}
