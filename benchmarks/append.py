"""Appending 1% of the records to a run, beside a new run that has them from the start.

python benchmarks/append.py [--rows 1000000] [--share 0.01] [--encoder minilm] [--compare]

Times of all stages before the first round, without training: it is not repeated after an append,
so that counting it would make the share smaller. With --compare, the digests are compared with
those of a run that has the records from the start. With MiniLM, take fewer rows: how long an
embedding takes does not depend on their number.
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from hydra import compose, initialize_config_dir
from record import row, show

from wsal.artifacts import Artifact
from wsal.cli import run as wsal
from wsal.config.composed import check
from wsal.data.catalog import Catalog
from wsal.json_files import write_json
from wsal.presets import CONF_DIR
from wsal.run.changes import with_changes
from wsal.run.pipeline import run_stage
from wsal.run.stage_table import CONFIG

STAGES = ("prepare", "vote", "aggregate", "tokenise", "pretrain", "embed")
SAME = ("pool", "votes", "weak_labels", "tokens", "embeddings")
TITLES = 20_000  # made up; all others are these with a number


def main():
    """Measure one size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--encoder", choices=("tiny", "minilm"), default="tiny")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        os.chdir(folder)
        n_new = int(options.rows * options.share)
        titles(options.rows + n_new)[: options.rows].write_parquet("shop.parquet")
        titles(options.rows + n_new)[options.rows :].write_parquet("new.parquet")
        run_dir = Path("runs/shop")
        components, nodes = configured(options.encoder)
        begun = stages(run_dir, components, nodes)
        appended = {"append": timed(lambda: wsal(["append", "runs/shop", "new.parquet"]))}
        appended |= stages(run_dir, components, nodes)
        same = compared(run_dir, components, nodes) if options.compare else []
    (seconds, busy), (seconds_new, busy_new) = (sum(of.values()) for of in (appended, begun))
    note = f"{options.rows:,} rows and {n_new:,} more, encoder {options.encoder}; "
    note += f"{seconds / seconds_new:.1%} of a new run without its training, of its processor "
    note += f"seconds {busy / busy_new:.1%} ({busy:.1f} of {busy_new:.1f}); "
    note += f"same digests: {', '.join(same)}; " if same else ""
    none, parts = np.zeros(2), []
    for stage, (wall, processor) in appended.items():
        wall_new, processor_new = begun.get(stage, none)
        parts.append(
            f"{stage} {wall:.1f} s ({processor:.1f}), new {wall_new:.1f} s ({processor_new:.1f})"
        )
    note += "; ".join(parts)
    what = f"append {options.share:.0%} to {options.rows:,} rows ({options.encoder})"
    rows = [
        row(
            what,
            round(seconds, 1),
            round(seconds_new, 1),
            "a new run",
            "s",
            note,
        )
    ]
    show("append", rows, ["wsal", "numpy", "polars", "pyarrow", "torch"])


def compared(run_dir, components, nodes):
    """The artifacts that a new run with the same data and batches makes to the last bit."""
    other = Path("runs/fresh")
    other.mkdir()
    for name in ("annotations.sqlite", "appended", "pretrained"):
        copy = shutil.copytree if (run_dir / name).is_dir() else shutil.copy
        copy(run_dir / name, other / name)
    stages(other, components, nodes)
    return [name for name in SAME if digest(run_dir, name) == digest(other, name)]


def titles(n):
    """Made-up titles with ids, each of them once."""
    made = Catalog(n=TITLES).read().select("title", "brand", "category")
    rows = pl.DataFrame({"row": pl.int_range(n, eager=True)})
    return rows.select(
        pl.format("r{}", "row").alias("id"),
        (made["title"].gather(rows["row"] % TITLES) + " " + rows["row"].cast(pl.String)),
        made["brand"].gather(rows["row"] % TITLES),
        pl.when(rows["row"] < TITLES).then(made["category"].gather(rows["row"] % TITLES)),
    )


def configured(encoder):
    """The components of a run with the rules of the made-up catalogue."""
    overrides = [
        "data=parquet", "data.path=shop.parquet", "data.layout.text=[title,brand]",
        "data.layout.label=category", "data.layout.id=id", "rules=catalog", "tracker=none",
        "name=shop", "data.layout.test_share=0.1", "pretrain.epochs=0",
    ]  # fmt: skip
    overrides += ["encoder=tiny"] if encoder == "tiny" else []
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        run = check(compose("config", overrides=overrides))
    return run.components, run.nodes


def stages(run_dir, components, nodes):
    """The time of each stage before the rounds, training excluded; see `timed`."""
    run_dir.mkdir(parents=True, exist_ok=True)
    write_json(run_dir / CONFIG, nodes)
    parts, seconds = with_changes(components, run_dir), {}
    for stage in STAGES:
        seconds[stage] = timed(lambda stage=stage: run_stage(run_dir, stage, parts))
    del seconds["pretrain"]
    return seconds


def timed(work):
    """The wall time and the CPU time that some work takes, in seconds."""
    start = np.array([time.perf_counter(), sum(os.times()[:4])])
    work()
    return np.array([time.perf_counter(), sum(os.times()[:4])]) - start


def digest(run_dir, name):
    """The digest of an artifact."""
    return Artifact.open(run_dir / name).digest


if __name__ == "__main__":
    main()
