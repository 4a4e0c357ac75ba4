"""`wsal forecast`: labels, hours and cost that a target still needs, with intervals."""

import argparse
from pathlib import Path
from typing import Any

from rich.table import Table

from wsal.artifacts import Artifact
from wsal.errors import MissingArtifactError
from wsal.evaluation.forecast import Forecast, forecast
from wsal.pipeline import STAGES
from wsal.runs import opened
from wsal.stages.assess import curve_of
from wsal.vote_report import console


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    target = "the metric to reach, in [0, 1] (default: 0.95)"
    parser.add_argument("--target", type=float, default=0.95, metavar="SHARE", help=target)
    metrics = ("macro_f1", "accuracy")
    parser.add_argument("--metric", choices=metrics, default=metrics[0], help="which metric")


def newest(run_dir: Path) -> Artifact:
    """The assessment of the last round that has one.

    Raises:
        MissingArtifactError: no round was assessed.
    """
    found, number = None, 1
    while done := opened(run_dir, STAGES["assess"].writes, number):
        found, number = done, number + 1
    if found is None:
        raise MissingArtifactError(
            f"{run_dir} has no round that was assessed, and a forecast goes by what rounds "
            "brought; run `wsal active` first"
        )
    return found


def show(run_dir: Path, options: argparse.Namespace) -> None:
    """Print the learning curve so far, and the forecast.

    Raises:
        MissingArtifactError: nothing was measured in any round.
    """
    facts = newest(run_dir).facts
    if not facts["measured_on"]:
        raise MissingArtifactError(
            f"{run_dir} has neither a gold split nor an evaluation sample, so there is no "
            "learning curve to go by; use evaluation.size=100"
        )
    told = forecast(curve_of(facts, options.metric), options.target)
    out = console()
    out.print(_table(facts, told, options.metric))
    for line in words(facts, told, options.metric, options.target):
        out.print(line, highlight=False, soft_wrap=True)


def words(facts: dict[str, Any], told: Forecast, metric: str, target: float) -> list[str]:
    """The forecast in sentences."""
    ends = " to ".join(_count(one) for one in (told.low, told.high))
    lines = [
        f"{metric} {target:g} needs {_count(told.labels)} more labels (80%: {ends}); "
        f"chance that it cannot be reached at all: {told.unreachable:.0%}"
    ]
    answered = facts["n_gold"] + facts["n_evaluation"]
    if facts["seconds"] and answered:
        each = facts["seconds"] / answered
        hours = [one * each / 3600 for one in (told.labels, told.low, told.high)]
        lines.append(
            f"at {each:.1f} s a label that is {_hours(hours[0])} (80%: {_hours(hours[1])} to "
            f"{_hours(hours[2])}) of an annotator"
        )
        if facts["cost"]:
            rate = facts["cost"] / facts["seconds"] * 3600
            money = [f"{one * rate:,.2f}" for one in hours]
            lines.append(f"which costs {money[0]} (80%: {money[1]} to {money[2]})")
    if told.beyond:
        lines.append("that is far beyond what was seen: ask again after the next round")
    return lines


def _table(facts: dict[str, Any], told: Forecast, metric: str) -> Table:
    title = f"{metric} on {facts['measured_on']}"
    table = Table(title=title, title_justify="left")
    for name in ("gold labels", metric, "low", "high", ""):
        table.add_column(name, justify="right" if name else "left")
    for one in facts["rounds"]:
        numbers = [f"{one[metric][name]:.3f}" for name in ("value", "low", "high")]
        table.add_row(str(one["n_gold"]), *numbers, f"round {one['round']}")
    for n, low, middle, high in zip(
        told.counts, told.lows, told.medians, told.highs, strict=True
    ):  # fmt: skip
        numbers = [f"{one:.3f}" for one in (middle, low, high)]
        table.add_row(f"{n:.0f}", *numbers, "forecast (80%)")
    return table


def _count(n: float) -> str:
    return "more than can be said" if n == float("inf") else f"{n:,.0f}"


def _hours(hours: float) -> str:
    if hours == float("inf"):
        return "more than can be said"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.1f} h"
