"""Label a table with an exported model.

All columns are kept; label, probability, abstain and model are added.

  wsal predict runs/shop/exported products.csv labelled.csv
"""

import argparse
import sys
from pathlib import Path

from wsal.building import construct
from wsal.files import TableOptions
from wsal.serving.backends import BACKENDS, open_engine
from wsal.serving.exported import Exported
from wsal.serving.labelling import PredictOptions, label_table
from wsal.serving.sources import STREAMED, Source

KINDS = "csv, tsv, jsonl, parquet, xlsx"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal predict`."""
    option = parser.add_argument
    option("model", type=Path, help="an exported folder, such as runs/NAME/exported")
    option(
        "input",
        type=Path,
        help=f"a file ({KINDS}; text files also as .gz, .bz2, .xz, .zst or .zip), a folder of "
        "such files, or - for standard input",
    )
    option("output", type=Path, help=f"a file ({KINDS}), a folder, or - for standard output")
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


def run(options: argparse.Namespace) -> None:
    """Label the table and print how many rows were labelled, and what was wrong with the others."""
    names = ("delimiter", "encoding", "sheet", "header_row")
    given = {name: getattr(options, name) for name in names}
    source = Source.of(options.input, options.format, construct(TableOptions, given, "predict"))
    engine = open_engine(Exported.open(options.model), options.backend)
    fields = options.fields.split(",") if options.fields else None
    settings = PredictOptions(fields, options.top, options.prefix)
    summary = label_table(engine, source, options.output, settings, force=options.force)
    out = sys.stderr if str(options.output) == "-" else sys.stdout
    out.write(
        f"labelled {summary.n_rows:,} rows with {engine.name}, abstained on "
        f"{summary.n_abstained:,}: {options.output}\n"
    )
    if summary.n_bad:
        where = f"; see {summary.bad_path}" if summary.bad_path else ""
        lines = "1 line" if summary.n_bad == 1 else f"{summary.n_bad:,} lines"
        out.write(f"{lines} could not be parsed{where}\n")
