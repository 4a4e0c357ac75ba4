"""Label a table with an exported model.

All columns are kept; label, probability, abstain and model are added.

  wsal predict runs/shop/exported products.csv labelled.csv
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wsal.building import construct
from wsal.errors import ConfigError
from wsal.files import TableOptions
from wsal.files.places import local_path
from wsal.serving.backends import BACKENDS, Model, fastest
from wsal.serving.chunk_texts import PredictOptions
from wsal.serving.labelling import SHARD_ROWS, PredictSummary, label_table
from wsal.serving.sources import STREAMED, Source
from wsal.settings import LauncherSettings, RaySettings

KINDS = "csv, tsv, jsonl, parquet, xlsx"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal predict`."""
    option = parser.add_argument
    option("model", type=Path, help="an exported folder, such as runs/NAME/exported")
    option(
        "input",
        type=local_path,
        help=f"a file ({KINDS}; text files also as .gz, .bz2, .xz, .zst or .zip), a folder of "
        "such files, or - for standard input",
    )
    option("output", type=local_path, help=f"a file ({KINDS}), a folder, or - for standard output")
    option("--fields", help="columns to read, separated by commas (default: those of the model)")
    option(
        "--top",
        type=int,
        default=1,
        metavar="N",
        help="give the N most likely classes (default: 1)",
    )
    option("--prefix", default="", help="put this before the names of the added columns")
    option("--format", choices=STREAMED, help="the format of standard input")
    option("--delimiter", help="comma, semicolon, tab, bar, or a character (default: detected)")
    option("--encoding", help="of a text file, such as cp1252 (default: detected)")
    option("--sheet", help="of a workbook (default: the first)")
    option(
        "--header-row",
        type=int,
        metavar="N",
        help="the line or row with the column names (default: the first)",
    )
    option(
        "--force", action="store_true", help="overwrite a file that `wsal predict` did not write"
    )
    option(
        "--backend",
        default="auto",
        help=f"{', '.join(BACKENDS)} (default: the fastest on this machine)",
    )
    option(
        "--cascade",
        action="store_true",
        help="let a small model, which learns from the classifier, answer the texts it is sure of",
    )
    option(
        "--agreement",
        type=float,
        default=0.99,
        metavar="SHARE",
        help="least share of the small model's answers that must be the classifier's, as certified "
        "on a sample (default: 0.99)",
    )
    option(
        "--summary",
        type=Path,
        metavar="FILE",
        help="write a summary of the texts and labels, without any text, to this JSON file, for "
        "`wsal drift`",
    )
    option(
        "--shard-rows",
        type=int,
        default=SHARD_ROWS,
        metavar="N",
        help="rows that are worked on at a time (default: 1,000,000)",
    )
    option("--processes", type=int, default=1, metavar="N", help="processes that share the work")
    option("--launcher", choices=("local", "ray"), default="local", help="where the work runs")
    option(
        "--ray-address",
        metavar="ADDRESS",
        help="a Ray cluster: auto, or HOST:PORT (default: one is started on this machine)",
    )
    option("--ray-actors", type=int, metavar="N", help="most processes (default: as many as fit)")
    for name, what in (
        ("cpus", "cores of a process"),
        ("gpus", "GPUs of a process that runs the model"),
        ("memory", "GB of memory of a process"),
    ):
        usual = getattr(RaySettings(), name)
        option(f"--ray-{name}", type=float, default=usual, metavar="N",
               help=f"{what} (default: {usual:g})")  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Label the table and print how many rows were labelled, and what was wrong with the others."""
    names = ("delimiter", "encoding", "sheet", "header_row")
    given = {name: getattr(options, name) for name in names}
    source = Source.of(options.input, options.format, construct(TableOptions, given, "predict"))
    backend = options.backend
    if options.launcher == "ray" and backend == "auto":  # actors have the GPUs they are given
        backend = fastest(options.model, on_gpu=options.ray_gpus > 0)
    model = Model.of(options.model, backend)
    fields = options.fields.split(",") if options.fields else None
    settings = PredictOptions(
        fields, options.top, options.prefix, options.cascade, options.agreement,
        options.summary is not None,
    )  # fmt: skip
    of_ray = ("address", "actors", "cpus", "gpus", "memory")
    launcher = {
        "name": options.launcher,
        "processes": options.processes,
        "ray": {name: getattr(options, f"ray_{name}") for name in of_ray},
    }
    if options.launcher == "ray" and options.processes != 1:
        raise ConfigError("--processes is for --launcher local; with ray, use --ray-actors")
    if options.shard_rows < 1:
        raise ConfigError(f"--shard-rows is {options.shard_rows}; expected 1 or more")
    summary = label_table(
        model,
        source,
        options.output,
        settings,
        launcher=construct(LauncherSettings, launcher, "predict"),
        shard_rows=options.shard_rows,
        force=options.force,
    )
    if options.summary and summary.summary:
        about = "standard input" if source.is_stream else str(options.input)
        replace(summary.summary, about=about).write(options.summary)
    out = sys.stderr if str(options.output) == "-" else sys.stdout
    out.write("".join(f"{line}\n" for line in _report(summary, model, options)))


def _report(summary: PredictSummary, model: Model, options: argparse.Namespace) -> Iterator[str]:
    yield (
        f"labelled {summary.n_rows:,} rows with {model.backend}, abstained on "
        f"{summary.n_abstained:,}: {options.output}"
    )
    if not model.exported.has_thresholds:
        rejected = " and texts that it rejects" if model.exported.rejection else ""
        yield (
            f"the model has no thresholds, so it abstains only on empty texts{rejected}, however "
            "unsure it is: a dev split or an evaluation sample (evaluation.size) would set them"
        )
    if summary.n_texts is not None:
        yield f"{summary.n_texts:,} distinct texts were predicted"
    if summary.cascade is not None:
        yield from summary.cascade.report(summary.n_texts or 0, summary.n_student)
    if summary.n_bad:
        where = f"; see {summary.bad_path}" if summary.bad_path else ""
        lines = "1 line" if summary.n_bad == 1 else f"{summary.n_bad:,} lines"
        yield f"{lines} could not be parsed{where}"
