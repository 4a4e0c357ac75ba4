"""A part of the report: the figures that it shows, and its charts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Section:
    """A part of the report; `templates/KEY.html` lays out its figures, and shows nothing else.

    In the template, `figures` are its figures, and `chart("NAME", "what it shows")` puts a chart
    there. If it has scripts, the page has its figures as JSON, too, in the element with the id
    `figures-KEY`. When a chart is drawn, its element gets the event `wsal-chart`, with Vega's view
    as `detail`; this happens again when the page changes between light and dark.
    """

    key: str
    """Name of the template, anchor in the page, and beginning of the names of image files."""
    title: str
    figures: Mapping[str, Any]
    """Plain values (JSON), so that they can be compared with the artifacts."""
    charts: Mapping[str, "alt.TopLevelMixin"] = field(default_factory=dict)
    """By name."""
    scripts: tuple[str, ...] = ()
    """Names of files in `static/` that the page contains, for what charts cannot do."""
