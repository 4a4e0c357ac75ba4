"""Estimate the hours, cost and disk that a large table takes, from a sample of its rows.

A random sample is read and measured on one core of this machine; nothing is kept. Everything else
is computed, and marked as such. `--run` plans the stages that read a whole pool (with the columns,
rules and encoder of a run that you tried on a few rows), `--model` plans `wsal predict`.

  wsal estimate products/ --run shop --on ray:8xGPU+64xCPU
  wsal estimate products/ --model runs/shop/exported --on local:16 --price-cpu 0.04
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from wsal.artifacts import Artifact
from wsal.commands.status import json_in
from wsal.config.composed import parts_of
from wsal.data.base import Layout
from wsal.errors import ConfigError, WsalError
from wsal.files.places import local_path
from wsal.launch.local import threads
from wsal.planning.cells import text_columns
from wsal.planning.clusters import EXPECTED, cluster_of
from wsal.planning.measuring import Job, Measured, measure
from wsal.planning.plan import GPUSpeed, Prices, planned
from wsal.planning.report import as_json, facts, notes, plan_table
from wsal.presets import preset
from wsal.progress import install_console_output
from wsal.run.folders import run_folder
from wsal.run.stage_table import CONFIG, STAGES
from wsal.run.vote_report import console
from wsal.serving.exported import Exported
from wsal.settings import EncoderSettings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal estimate`."""
    option = parser.add_argument
    option("input", type=local_path,
           help="a file or a folder of files on this machine")  # fmt: skip
    option("--on", default="local", metavar="CLUSTER", help=f"{EXPECTED} (default: local)")
    option("--run", metavar="RUN", help="a run with the columns, rules and encoder to plan for")
    option("--model", type=Path, help="an exported folder; plans to label the table with it")
    option("--text", metavar="NAME,NAME", help="columns with the text (default: those of the "
           "model or the run, or else `text` or `title`)")  # fmt: skip
    option("--rows", type=int, default=200_000, metavar="N",
           help="rows of the sample (default: %(default)s)")  # fmt: skip
    option("--seconds", type=float, default=20.0, metavar="S",
           help="measure each stage for about this long (default: %(default)s)")  # fmt: skip
    option("--price-cpu", type=float, metavar="P", help="price of a core for an hour")
    option("--price-gpu", type=float, metavar="P", help="price of a GPU for an hour")
    option("--gpu-rate", type=float, metavar="R",
           help="texts per second that you measured on a GPU of the cluster")  # fmt: skip
    option("--gpu-speed", type=float, metavar="F",
           help="assume that a GPU is this many times as fast as a core here")  # fmt: skip
    option("--json", action="store_true", help="print JSON")
    option("--trusted", action="append", default=[], metavar="MODULE",
           help="a module of your own with rules; may be given several times")  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Measure and print.

    Raises:
        ConfigError: an option is out of range, or there is no exported model at `--model`.
        DataError: the table cannot be read, or has no such column.
        UnknownNameError: there is no such run.
    """
    _check(options)
    cluster = cluster_of(options.on)
    job = _job(options, on_gpu=cluster.gpus > 0)
    measured = _measured(job)
    prices = Prices(options.price_cpu, options.price_gpu)
    plan = planned(measured, cluster, prices, GPUSpeed(options.gpu_speed, options.gpu_rate))
    remarks = notes(measured, plan, cluster, priced=plan.total.cost is not None)
    if options.json:
        sys.stdout.write(json.dumps(as_json(measured, plan, cluster, remarks), indent=1) + "\n")
        return
    out = console()
    for line in facts(options.input, measured):
        out.print(line, highlight=False, markup=False)
    out.print(plan_table(plan, cluster))
    for line in remarks:
        out.print(line, highlight=False, markup=False)


def _check(options: argparse.Namespace) -> None:
    above = {name: getattr(options, name) for name in ("rows", "seconds", "gpu_rate", "gpu_speed")}
    problems = [
        ConfigError(f"--{name.replace('_', '-')} is {value}; expected a number above 0")
        for name, value in above.items()
        if value is not None and not 0 < value < float("inf")
    ]
    problems += [
        ConfigError(f"--{name.replace('_', '-')} is {value}; expected a price of 0 or more")
        for name in ("price_cpu", "price_gpu")
        if (value := getattr(options, name)) is not None and not 0 <= value < float("inf")
    ]
    if options.gpu_rate and options.gpu_speed:
        problems.append(
            ConfigError("--gpu-rate and --gpu-speed both say how fast a GPU is; give one of them")
        )
    if problems:
        raise ConfigError.of(problems)


def _job(options: argparse.Namespace, *, on_gpu: bool) -> Job:
    """What to plan for; everything that can be wrong is checked before the sample is read."""
    named: Sequence[str] = options.text.split(",") if options.text else ()
    parts, labels = dict[str, Any](), tuple[str, ...]()
    layout = Layout(text=("text",))
    if options.run is not None:
        folder = run_folder(options.run)
        made = parts_of(json_in(folder / CONFIG), options.trusted)
        parts = {name: made[name]() for name in ("data", "rules", "encoder")}
        layout = parts["data"].layout
        labels = tuple(Artifact.open(folder / STAGES["prepare"].writes).facts["labels"])
        named = named or layout.text
    if options.model:
        exported = Exported.open(options.model)
        layout = replace(layout, separator=exported.separator)
        named = named or exported.fields
    text = text_columns(options.input, named)
    layout = replace(layout, text=tuple(text), label=None, split=None, labels=(), renamed=None)
    text_columns(options.input, layout.columns)
    return Job(
        path=options.input,
        layout=layout,
        rules=parts.get("rules", {}),
        labels=labels,
        encoder=parts.get("encoder") or preset(EncoderSettings, "encoder", "minilm", {}),
        model=options.model,
        on_gpu=on_gpu,
        n_rows=options.rows,
        seconds=options.seconds,
    )


def _measured(job: Job) -> Measured:
    """The measurement, made in a process of its own, whose libraries use one thread each."""
    context = multiprocessing.get_context("spawn")
    with threads(1), ProcessPoolExecutor(1, context) as process:
        measured = process.submit(_measure, job).result()
    if isinstance(measured, str):
        raise WsalError(measured)
    return measured


def _measure(job: Job) -> Measured | str:
    install_console_output()
    if not job.on_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        return measure(job)
    except WsalError as error:  # some cannot be pickled
        return str(error)
