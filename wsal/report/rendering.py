"""Sections as one HTML page: templates, scripts and styles inlined, and nothing from a network."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from wsal.report.section import Section
from wsal.report.theme import theme

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Only the scripts of the page run, which it names by their hashes; nothing is loaded or sent."""


def render(title: str, sections: Sequence[Section]) -> str:
    """The page with these sections."""
    environment = _environment()
    names = dict.fromkeys(["report.js", *(name for s in sections for name in s.scripts)])
    bundle = [_bundle()] if any(section.charts for section in sections) else []
    scripts = [*bundle, *(_script(name) for name in names)]
    return environment.get_template("page.html").render(
        title=title,
        sections=sections,
        parts={section.key: _part(environment, section) for section in sections},
        specs={
            f"{section.key}-{name}": chart.to_dict()
            for section in sections
            for name, chart in section.charts.items()
        },
        themes={"light": theme(dark=False), "dark": theme(dark=True)},
        policy=POLICY.format(scripts=" ".join(map(_hash, scripts))),
        scripts=[Markup(script) for script in scripts],  # noqa: S704  files of wsal
        style=Markup((HERE / "static" / "report.css").read_text(encoding="utf-8")),  # noqa: S704
    )


def _part(environment: Environment, section: Section) -> Markup:
    """The section, laid out by its template."""
    template = environment.get_template(f"{section.key}.html")
    return Markup(template.render(figures=section.figures, chart=_places(section)))  # noqa: S704


def _places(section: Section) -> Callable[[str, str], Markup]:
    """The function that puts a chart into a template; empty where the section lacks the chart."""

    def place(name: str, description: str) -> Markup:
        if name not in section.charts:
            return Markup("")
        pattern = Markup('<div class="chart" data-chart="{}" role="img" aria-label="{}"></div>')
        return pattern.format(f"{section.key}-{name}", description)

    return place


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"three": _three, "percent": _percent, "n": _whole}
    environment.policies["json.dumps_function"] = _json
    return environment


def _json(value: Any, **_: Any) -> str:  # noqa: ANN401
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _three(value: float | None) -> str:
    """A metric with three decimals, or a dash.

    >>> _three(0.92341), _three(None)
    ('0.923', '–')
    """
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    import vl_convert  # noqa: PLC0415  takes a while

    make: Any = vl_convert.javascript_bundle  # its types do not know that the snippet is optional
    bundle: str = make()
    return bundle.replace("</script", r"<\/script")


def _script(name: str) -> str:
    return (HERE / "static" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
