"""Estimate how many labels, hours and how much money a run still needs to reach a target.

The forecast extends the learning curve of the rounds so far, with 80% intervals.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.table import Table

from wsal.active.stopping import how_to_measure, lacks_records, texts_left
from wsal.annotation.changes_log import changes_in
from wsal.artifacts import Artifact
from wsal.errors import ConfigError, MissingArtifactError
from wsal.evaluation.forecast import Forecast, forecast
from wsal.rounds.learning_curve import forecast_sentences, labels_counted, learning_curve
from wsal.rounds.mixtures import mixture_sentences
from wsal.run.bill import bill_of_run
from wsal.run.folders import RUN_HELP, run_folder
from wsal.run.pipeline import opened
from wsal.run.quality_lines import OF_SETS, metrics_of
from wsal.run.stage_table import CONFIG, STAGES
from wsal.run.vote_report import console


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal forecast`."""
    parser.add_argument("run", nargs="?", default="", help=RUN_HELP)
    parser.add_argument(
        "--target",
        type=float,
        default=0.95,
        metavar="SHARE",
        help="the value of the metric to reach, between 0 and 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--metric",
        choices=tuple(OF_SETS),
        default="macro_f1",
        help="the metric to forecast (default: %(default)s); micro_f1, example_f1 and map only "
        "where a text may have several classes",
    )


def run(options: argparse.Namespace) -> None:
    """Print the learning curve so far, and the forecast.

    Raises:
        ConfigError: the target is not between 0 and 1, or the run does not have the metric.
        MissingArtifactError: no round was assessed, or there was nothing to measure on.
    """
    if not 0 < options.target < 1:
        raise ConfigError(f"--target is {options.target:g}; expected a number between 0 and 1")
    run_dir = run_folder(options.run)
    facts = newest_assessment(run_dir).facts
    if not facts["measured_on"]:
        raise MissingArtifactError(
            f"{run_dir} has neither an evaluation sample nor a dev split, so there is no learning "
            "curve to forecast from (the test split is kept for the end); "
            f"{how_to_measure(facts.get('n_frame'))}"
        )
    names = metrics_of(facts["rounds"][-1])
    if options.metric not in names:
        raise ConfigError(
            f"--metric is {options.metric}, and this run has one class per text; expected one of "
            f"{', '.join(names)}"
        )
    prediction = forecast(learning_curve(facts, options.metric), options.target)
    price = json.loads((run_dir / CONFIG).read_text())["active"]["price_per_hour"]
    out = console()
    out.print(_table(facts, prediction, options.metric, names[options.metric]))
    batches, asked = changes_in(run_dir).batches, (options.metric, options.target)
    left = texts_left(facts, batches)
    lines = forecast_sentences(facts, prediction, price, *asked, left)
    if lacks_records(facts, batches):
        lines.append("records were appended since: the curve covers them from the next round on")
    lines += mixture_sentences(facts, price, *asked)
    for line in [*lines, *bill_of_run(run_dir, facts, price).sentences()]:
        out.print(line, highlight=False, soft_wrap=True)


def newest_assessment(run_dir: Path) -> Artifact:
    """The assessment of the last round that has one.

    Raises:
        MissingArtifactError: no round was assessed.
    """
    newest, number = None, 1
    while assessment := opened(run_dir, STAGES["assess"].writes, number):
        newest, number = assessment, number + 1
    if newest is None:
        raise MissingArtifactError(
            f"{run_dir} has no finished round, and a forecast needs at least one; run "
            "`wsal active` first"
        )
    return newest


def _table(facts: dict[str, Any], prediction: Forecast, metric: str, name: str) -> Table:
    table = Table(title=f"{name} on {facts['measured_on']}", title_justify="left")
    counted = labels_counted(facts)
    is_mixed = counted != [measured["n_gold"] for measured in facts["rounds"]]
    for head in ("labels, as of people" if is_mixed else "gold labels", name, "low", "high"):
        table.add_column(head, justify="right")
    table.add_column("")
    for n_labels, measured in zip(counted, facts["rounds"], strict=True):
        numbers = [f"{measured[metric][key]:.3f}" for key in ("value", "low", "high")]
        table.add_row(f"{n_labels:.0f}", *numbers, f"round {measured['round']}")
    forecasts = zip(
        prediction.counts, prediction.medians, prediction.lows, prediction.highs, strict=True
    )
    for n_labels, *values in forecasts:
        numbers = [f"{value:.3f}" for value in values]
        table.add_row(f"{n_labels:.0f}", *numbers, "forecast (80%)")
    return table
