"""How the run was made: times, versions, configuration, digests."""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import yaml

from wsal import __version__
from wsal.artifacts import Artifact
from wsal.inspection.run_view import RunView
from wsal.report.section import Section
from wsal.run.pipeline import opened
from wsal.run.stage_table import BEFORE_ROUNDS, ROUND_STAGES, STAGES

if TYPE_CHECKING:
    import altair as alt

PASSWORD = re.compile(r"//[^/\s@]+@")
LIBRARIES = ("torch", "transformers", "numpy", "polars", "scikit-learn", "altair")


def about_section(view: RunView) -> Section:
    """A row for each artifact, the configuration, and how it was typed."""
    stages = _stages(view)
    seconds: dict[str, float] = {}
    for stage in stages:
        seconds[stage["stage"]] = round(seconds.get(stage["stage"], 0) + stage["seconds"], 3)
    figures = {
        "run_dir": str(view.run_dir),
        "stages": stages,
        "seconds": seconds,
        "total_seconds": round(sum(seconds.values()), 3),
        "versions": sorted({stage["wsal"] for stage in stages}),
        "report_version": __version__,
        "libraries": _libraries(),
        "overrides": _overrides(view),
        "configuration": without_passwords(
            yaml.safe_dump(view.config, sort_keys=False, allow_unicode=True)
        ),
    }
    return Section("about", "How it was made", figures, {"seconds": _chart(seconds)})


def _stages(view: RunView) -> list[dict[str, Any]]:
    """The artifacts of the run, in the order of their stages."""
    before = [(stage, 0, opened(view.run_dir, STAGES[stage].writes)) for stage in BEFORE_ROUNDS]
    of_rounds = [(stage, r.number, r[stage]) for r in view.rounds for stage in ROUND_STAGES]
    export = ("export", 0, opened(view.run_dir, STAGES["export"].writes))
    return [
        _row(stage, number, artifact)
        for stage, number, artifact in (*before, *of_rounds, export)
        if artifact
    ]


def _row(stage: str, number: int, artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "stage": stage,
        "round": number or None,
        "seconds": manifest["seconds"],
        "digest": artifact.digest,
        "wsal": manifest["wsal"],
    }


def _libraries() -> dict[str, str]:
    """Versions of the libraries that are installed where the report is made."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _overrides(view: RunView) -> list[str]:
    """What was typed behind the newest command that Hydra kept a record of."""
    records = sorted((view.run_dir / "logs").glob("*/.hydra/overrides.yaml"))
    if not records:
        return []
    overrides = yaml.safe_load(records[-1].read_text("utf-8")) or []
    return [without_passwords(str(override)) for override in overrides]


def without_passwords(text: str) -> str:
    """The text without users and passwords in addresses, as reports are passed on.

    Settings have none, but Hydra also keeps a record of a command that was refused for one.

    >>> without_passwords("llm.url=https://me:secret@host/v1")
    'llm.url=https://***@host/v1'
    """
    return PASSWORD.sub("//***@", text)


def _chart(seconds: dict[str, float]) -> "alt.Chart":
    import altair as alt  # noqa: PLC0415  takes a while

    rows = [{"stage": stage, "seconds": spent} for stage, spent in seconds.items()]
    base = alt.Chart(alt.Data(values=rows))
    chart = base.mark_bar().encode(
        x=alt.X("seconds:Q", title="seconds, all rounds together"),
        y=alt.Y("stage:N", title=None, sort=None, axis=alt.Axis(grid=False)),
        tooltip=[alt.Tooltip("stage:N"), alt.Tooltip("seconds:Q", format=",.1f")],
    )
    return chart.properties(width="container", height=22 * len(rows))
