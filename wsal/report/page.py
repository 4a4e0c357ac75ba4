"""The report of a run: its sections, as one HTML page that needs no network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from wsal.inspection.run_view import RunView
from wsal.multilabel import is_multilabel
from wsal.report.about import about_section
from wsal.report.classes import classes_section
from wsal.report.confusion import confusion_section
from wsal.report.curve import curve_section
from wsal.report.headline import headline_section
from wsal.report.label_sources import sources_section
from wsal.report.levels import levels_section
from wsal.report.multilabel import sets_section
from wsal.report.pool_map import map_section
from wsal.report.rejection import rejection_section
from wsal.report.rendering import render
from wsal.report.rules import rules_section
from wsal.report.section import Section
from wsal.report.slices import slices_section
from wsal.report.theme import theme
from wsal.report.trust import trust_section
from wsal.run.folders import run_folder
from wsal.run.pipeline import required

SECTIONS: tuple[Callable[[RunView], Section | None], ...] = (
    headline_section,
    curve_section,
    sources_section,
    classes_section,
    levels_section,
    confusion_section,
    slices_section,
    trust_section,
    rejection_section,
    rules_section,
    map_section,
    about_section,
)
"""In the order of the page. A section that a run has nothing for is None."""
SECTIONS_OF_SETS: tuple[Callable[[RunView], Section | None], ...] = (sets_section, about_section)
"""Where a text may have several classes: the other sections compare single classes."""
FILE = "report.html"
CHART_WIDTH = 640  # pixels, of images of charts that are as wide as the page


@dataclass(frozen=True)
class Report:
    """Sections under a title, as a page or as images. In a notebook, it shows itself."""

    title: str
    sections: tuple[Section, ...]

    def html(self) -> str:
        """The page. It contains everything that it shows."""
        return render(self.title, self.sections)

    def _repr_html_(self) -> str:
        """The page in a frame, so that its styles and the notebook's do not mix."""
        return (
            f'<iframe srcdoc="{escape(self.html())}" title="{escape(self.title)}" '
            'style="width: 100%; height: 48rem; border: 1px solid #8884; border-radius: 8px">'
            "</iframe>"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, all or nothing; its folder is made if needed."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_text(self.html(), encoding="utf-8")
        unfinished.replace(path)
        return path

    def save_plots(self, folder: str | Path) -> list[Path]:
        """Write each chart to `folder` as SECTION-NAME.png and SECTION-NAME.svg."""
        import vl_convert  # noqa: PLC0415  takes a while

        folder, written = Path(folder), []
        folder.mkdir(parents=True, exist_ok=True)
        config = theme(dark=False) | {"background": "white"}
        for section in self.sections:
            for name, chart in section.charts.items():
                spec, path = _with_width(chart.to_dict()), folder / f"{section.key}-{name}"
                svg, png = path.with_suffix(".svg"), path.with_suffix(".png")
                svg.write_text(vl_convert.vegalite_to_svg(spec, config=config), encoding="utf-8")
                png.write_bytes(vl_convert.vegalite_to_png(spec, config=config, scale=2))
                written += [svg, png]
        return written


def make_report(view: RunView) -> Report:
    """The report of a run as it is now; a run that has not finished has fewer sections.

    Raises:
        MissingArtifactError: the run has no pool yet.
    """
    sections = SECTIONS
    if is_multilabel(required(view.run_dir, "prepare").facts):
        view, sections = replace(view, takes_sets=True), SECTIONS_OF_SETS
    made = [section for make in sections if (section := make(view))]
    return Report(f"Report on {view.config['name']}", tuple(made))


def report_of(run: str | Path) -> Report:
    """The report of the run with this name or folder. In a notebook, it shows itself.

    Raises:
        UnknownNameError: there is no such run.
        MissingArtifactError: the run has no pool yet.
    """
    return make_report(RunView(run_folder(str(run))))


def _with_width(spec: dict[str, Any]) -> dict[str, Any]:
    return spec | {"width": CHART_WIDTH} if spec.get("width") == "container" else spec
