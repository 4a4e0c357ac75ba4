"""The runs of a comparison in one table: what differs, how good they are, and what they cost."""

import re
from collections.abc import Sequence
from typing import Any

from wsal.inspection.varied import IGNORED, is_seed
from wsal.report.compare_runs import ComparedRun, settings_of
from wsal.report.section import Section
from wsal.report.words import METRICS, shortened


def overview_section(runs: Sequence[ComparedRun], left_out: Sequence[str]) -> Section:
    """A row for each run.

    `left_out` are sentences about runs that are not compared.
    """
    settings = settings_of(runs)
    rows = [_row(run, {key: of[at] for key, of in settings.items()}) for at, run in enumerate(runs)]
    figures = {
        "settings": list(settings),
        "n_settings": sum(not is_seed(key) for key in settings),
        "ignored": list(IGNORED),
        "rows": rows,
        "left_out": list(left_out),
        "measured_on": sorted({row["measured_on"] for row in rows if row["measured_on"]}),
        "unmeasured": [row["run"] for row in rows if not row["measured_on"]],
        "best": best_of(rows),
        "has_test": any(row["test"] for row in rows),
        "has_money": any(row["money"] for row in rows),
        "has_minutes": any(row["minutes"] is not None for row in rows),
    }
    return Section("compare_overview", "Overview", figures)


def _row(run: ComparedRun, settings: dict[str, Any]) -> dict[str, Any]:
    last = run.rounds[-1] if run.rounds else {}
    measured = {metric: last.get(metric) for metric in METRICS}
    bill = run.summary.get("bill", {})
    seconds = bill.get("seconds")
    return {
        "run": run.name,
        "folder": str(run.view.run_dir),
        "settings": {key: _shown(value) for key, value in settings.items()},
        "labels": last.get("n_gold", 0) + last.get("n_answered", 0),
        "measured_on": last.get("measured_on") if measured["accuracy"] else None,
        **measured,
        "test": run.test,
        "minutes": None if seconds is None else round(seconds / 60, 2),
        "money": bill.get("total", 0.0),
        "machine_minutes": round(sum(run.summary["seconds"].values()) / 60, 3),
    }


def _shown(value: Any) -> Any:  # noqa: ANN401
    """A value of a setting as a cell of a table: a number, or words."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return value if isinstance(value, int | float) else shortened(str(value), 60)


def best_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The run with the highest macro-F1 of those measured on the same kind of texts.

    `of` is the number of these runs. None where nothing measures any run.
    """
    measured = [row for row in rows if row["macro_f1"]]
    if not measured:
        return None
    alike = [row for row in measured if _kind(row) == _kind(measured[0])]
    best = max(alike, key=lambda row: row["macro_f1"]["value"])
    names = ("run", "macro_f1", "measured_on")
    return {name: best[name] for name in names} | {"of": len(alike)}


def _kind(row: dict[str, Any]) -> str:
    """What kind of texts measures a run: the words before the number of texts."""
    return re.split(r"\d", row["measured_on"])[0].strip()
