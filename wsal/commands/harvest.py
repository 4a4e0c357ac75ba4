"""Write the uncertain texts that a server stored to a table, for the next round of a run.

`wsal serve MODEL --harvest FOLDER` stores them. They are texts of your users: only you can read the
folder and the table, and nothing is sent anywhere.

  wsal harvest served --out uncertain.csv
"""

import argparse
import os
from pathlib import Path

import polars as pl

from wsal.errors import ConfigError, did_you_mean
from wsal.files.places import local_path
from wsal.run.stage_lines import print_line
from wsal.serving.harvest import Harvest
from wsal.serving.target import TARGETS
from wsal.serving.writers import writer


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wsal harvest`."""
    option = parser.add_argument
    option("folder", type=Path, help="the folder of `wsal serve --harvest`")
    out = f"the file to write ({', '.join(TARGETS)})"
    option("--out", type=local_path, required=True, metavar="FILE", help=out)
    option("--most", type=int, metavar="N", help="write the N most uncertain texts (default: all)")
    option("--id", default="id", metavar="NAME", help="the column of ids (default: %(default)s)")
    option("--force", action="store_true", help="overwrite the file")
    option("--remove", action="store_true", help="remove the written texts from the folder")


def run(options: argparse.Namespace) -> None:
    """Write the table, and say what to do with it.

    Raises:
        ConfigError: nothing was kept, the file exists, or it cannot be written.
    """
    out: Path = options.out
    kind = out.suffix.lower().removeprefix(".")
    if kind not in TARGETS:
        raise ConfigError(f"{out}: a file of kind {kind!r} cannot be written"
                          f"{did_you_mean(kind, TARGETS)}")  # fmt: skip
    if out.exists() and not options.force:
        raise ConfigError(f"{out} exists; give another name, or overwrite it with --force")
    if options.most is not None and options.most < 1:
        raise ConfigError(f"--most is {options.most}; expected 1 or more")
    harvest = Harvest(options.folder)
    table, ids = harvest.table_and_ids(options.most, options.id)
    if table.is_empty():
        raise ConfigError(
            f"{options.folder} holds no text: the model has been sure of every text so far"
        )
    _write(table, out, kind)
    if options.remove:
        harvest.remove(ids)
    n_abstained = int(table["model_abstain"].sum())
    print_line(
        f"{len(table):,} texts, the most uncertain first ({n_abstained:,} on which the model "
        f"abstains): {out}"
    )
    print_line(
        f"The ids are in the column {options.id!r}; if the run has another (data.layout.id), give "
        "its name with --id"
    )
    print_line(f"To have them labelled in the next round of a run: wsal append RUN {out}")


def _write(table: pl.DataFrame, out: Path, kind: str) -> None:
    """Write the table, completely or not at all; only the owner can read it."""
    unfinished = out.with_name(f".{out.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
    with writer(kind, unfinished, arrow.schema) as write:
        write(arrow)
    unfinished.chmod(0o600)
    unfinished.replace(out)
