"""`wsal forecast`: labels, hours and cost that a target still needs, with intervals."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.table import Table

from wsal.active.stopping import HOW_TO_MEASURE
from wsal.artifacts import Artifact
from wsal.errors import ConfigError, MissingArtifactError
from wsal.evaluation.forecast import Forecast, forecast
from wsal.rounds.learning_curve import forecast_sentences, learning_curve
from wsal.run.loop import CONFIG, opened
from wsal.run.pipeline import STAGES
from wsal.run.vote_report import console


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
        ConfigError: the target is no share.
        MissingArtifactError: nothing was measured in any round.
    """
    if not 0 < options.target < 1:
        raise ConfigError(f"--target is {options.target:g}; expected a share between 0 and 1")
    facts = newest(run_dir).facts
    if not facts["measured_on"]:
        raise MissingArtifactError(
            f"{run_dir} has neither an evaluation sample nor a dev split, so there is no learning "
            f"curve to go by, and the test split is kept for the end; {HOW_TO_MEASURE}"
        )
    told = forecast(learning_curve(facts, options.metric), options.target)
    out = console()
    out.print(_table(facts, told, options.metric))
    price = json.loads((run_dir / CONFIG).read_text())["active"]["price_per_hour"]
    for line in forecast_sentences(facts, told, price, options.metric, options.target):
        out.print(line, highlight=False, soft_wrap=True)


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
