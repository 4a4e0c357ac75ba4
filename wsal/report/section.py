"""A part of the report: the figures that it shows, and its charts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Section:
    """A part of the report; `templates/KEY.html` lays out its figures, and shows nothing else."""

    key: str
    """Name of the template, anchor in the page, and beginning of the names of image files."""
    title: str
    figures: Mapping[str, Any]
    """Plain values (JSON), so that they can be compared with the artifacts."""
    charts: Mapping[str, "alt.TopLevelMixin"] = field(default_factory=dict)
    """By name."""
    scripts: tuple[str, ...] = ()
    """Names of files in `static/` that the page contains, for what charts cannot do."""
