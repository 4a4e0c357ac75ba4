"""`wsal predict`: label a table with an exported model."""

import argparse
import sys
from pathlib import Path

from wsal.building import construct
from wsal.files import TableOptions
from wsal.serving.backends import BACKENDS, open_engine
from wsal.serving.exported import Exported
from wsal.serving.labelling import PredictOptions, label_table
from wsal.serving.sources import STREAMED, Source


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `wsal predict` takes."""
    kinds = "csv, tsv, jsonl, parquet, xlsx"
    taken = f"{kinds}, text also as .gz, .bz2, .xz, .zst or .zip, a folder of files"
    parser.add_argument("model", type=Path, help="the exported folder")
    parser.add_argument("input", type=Path, help=f"{taken}, or - for standard input")
    parser.add_argument("output", type=Path, help=f"{kinds}, a folder, or - for standard output")
    parser.add_argument("--fields", help="columns to read, comma between; default: the model's own")
    parser.add_argument("--top", type=int, default=1, help="so many of the likeliest classes")
    parser.add_argument("--prefix", default="", help="before the names of the added columns")
    parser.add_argument("--format", choices=STREAMED, help="what comes by standard input")
    parser.add_argument(
        "--delimiter", help="comma, semicolon, tab, bar, or a character; default: detected"
    )
    parser.add_argument("--encoding", help="of text, such as cp1252; default: detected")
    parser.add_argument("--sheet", help="of a workbook; default: the first")
    parser.add_argument(
        "--header-row",
        type=int,
        help="the line or row with the names of columns; default: the first",
    )
    parser.add_argument(
        "--force", action="store_true", help="write over a file that wsal predict did not write"
    )
    parser.add_argument(
        "--backend", default="auto", help=f"{', '.join(BACKENDS)}; default: the fastest here"
    )


def predict(options: argparse.Namespace) -> None:
    """Label the table, and say how many rows, with what, and what was wrong with the others."""
    names = ("delimiter", "encoding", "sheet", "header_row")
    given = {name: getattr(options, name) for name in names}
    source = Source.of(options.input, options.format, construct(TableOptions, given, "predict"))
    engine = open_engine(Exported.open(options.model), options.backend)
    fields = options.fields.split(",") if options.fields else None
    wanted = PredictOptions(fields, options.top, options.prefix)
    done = label_table(engine, source, options.output, wanted, force=options.force)
    out = sys.stderr if str(options.output) == "-" else sys.stdout
    out.write(
        f"labelled {done.n_rows:,} rows by {engine.name}, abstained on {done.n_abstained:,}: "
        f"{options.output}\n"
    )
    if done.n_bad:
        where = f"; they are in {done.bad_path}" if done.bad_path else ""
        out.write(f"{done.n_bad:,} lines were no record{where}\n")
