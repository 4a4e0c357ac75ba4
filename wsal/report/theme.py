"""Colours and type of the charts, in light and dark. Charts name styles and ranges, not colours."""

from typing import Any

CATEGORIES = (
    "#4269d0", "#d98a00", "#ff725c", "#3f9f8f", "#3ca951", "#e2609a", "#a463f2", "#5f93d8",
    "#9c6b4e", "#7f858f",
)  # fmt: skip
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def theme(*, dark: bool) -> dict[str, Any]:
    """The configuration of Vega-Lite.

    Marks may have the style `band` (an interval as an area), `interval` (as a line), `ahead` (what
    is forecast), `reference` (a line to compare with) `note` (text beside
    a line), `on-pale` or `on-strong` (text on a cell of a heat map).
    """
    ink, soft, line = (
        ("#eceae6", "#aeaaa2", "#34373c") if dark else ("#1c1b19", "#5b5852", "#e6e2da")
    )
    accent = "#7db8ee" if dark else "#0b5fa5"
    ramp = (
        ["#23303d", "#2f5f8c", "#5a9bd8", "#a9d3fa"]
        if dark
        else ["#e3eef8", "#9cc4e6", "#3f86c0", "#0a3f73"]
    )
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None, "continuousHeight": 260},
        "axis": {
            "labelColor": soft, "titleColor": soft, "tickColor": line, "domainColor": line,
            "gridColor": line, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 500,
            "labelPadding": 6, "titlePadding": 10, "domain": False, "ticks": False,
        },
        "axisX": {"grid": False, "labelFlush": False},
        "legend": {
            "labelColor": soft, "titleColor": soft, "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": 500,
        },
        "title": {"color": ink, "fontSize": 13, "fontWeight": 600, "anchor": "start", "offset": 12},
        "mark": {"color": accent},
        "line": {"strokeWidth": 2.2},
        "point": {"filled": True, "size": 55, "opacity": 1},
        "bar": {"cornerRadiusEnd": 3},
        "text": {"color": ink, "fontSize": 12},
        "style": {
            "band": {"color": accent, "opacity": 0.16},
            "interval": {"color": accent, "strokeWidth": 1.6, "opacity": 0.75},
            "ahead": {"color": accent, "strokeDash": [5, 4], "opacity": 0.8},
            "reference": {"color": soft, "strokeDash": [2, 3], "strokeWidth": 1.2},
            "note": {"color": soft, "fontSize": 11},
            "on-pale": {"color": ink},
            "on-strong": {"color": "#10202e" if dark else "#ffffff"},
        },
        "range": {"category": list(CATEGORIES), "heatmap": ramp, "ramp": ramp, "ordinal": ramp},
    }  # fmt: skip
