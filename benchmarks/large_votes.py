"""Time and memory of the stage `vote` with 100 rules on a pool of up to 100 million titles.

python benchmarks/large_votes.py [--sizes 10000000,100000000] [--processes 1] [--folder FOLDER]

The pool has shards of a million rows. The folder needs about 250 bytes for each title.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from record import in_child, peak_mib, peaks_of_workers, row, show
from titles import keyword_lists, regexes, titles

from wsal import schemas, tables
from wsal.artifacts import Artifact, create
from wsal.labels import LabelSet
from wsal.rules.patterns import Keyword, Regex
from wsal.settings import LauncherSettings
from wsal.shards import shard_path
from wsal.stages.vote import vote

SHARD, CLASSES = 1_000_000, 10
LABELS = LabelSet(tuple(f"c{i}" for i in range(CLASSES)))


def write_pool(folder, n):
    """A pool of `n` different ids; each title has the halves of two of a million titles."""
    words = pl.DataFrame({"words": titles(min(n, SHARD)).str.split(" ")})
    heads, tails = (
        words.select(pl.col("words").list.slice(*part).list.join(" ")).to_series()
        for part in ((0, 6), (6, 9))
    )
    places, n_shards = np.arange(len(words)), -(-n // SHARD)
    with create(folder, {}, {}) as (work, facts):
        for k in range(n_shards):
            size = min(SHARD, n - k * SHARD)
            shifted = (places[:size] + k * 7919) % len(words)
            text = pl.select(pl.concat_str(heads[:size], tails.gather(shifted), separator=" "))
            records = pl.DataFrame({"id": np.arange(size) + k * SHARD}).with_columns(
                text=text.to_series(),
                n_copies=1,
                fields=pl.struct(brand=heads[:size].str.extract(r"^(\S+)")),
            )
            schema = schemas.records_schema(["brand"])
            tables.write(records, shard_path(work / "pool.parquet", k, n_shards), schema)
        tables.write(pl.DataFrame(schema=schemas.GOLD), work / "gold.parquet", schemas.GOLD)
        facts |= {"labels": list(LABELS.names)}


def hundred_rules():
    """60 lists of words and 40 patterns."""
    rules = {f"k{i}": Keyword(f"c{i % CLASSES}", words) for i, words in enumerate(keyword_lists())}
    patterns = enumerate(regexes(40))
    return rules | {f"r{i}": Regex(f"c{i % CLASSES}", pattern) for i, pattern in patterns}


def measured(folder, processes):
    """Seconds of the stage, without the digests of its files; memory; what it reported."""
    out = folder / "votes"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    launcher = LauncherSettings(processes=processes)
    start = time.perf_counter()
    with peaks_of_workers() as peaks:
        facts = vote(
            out, pool=Artifact(folder / "pool"), rules=hundred_rules(), seed=0, launcher=launcher
        )
    seconds = time.perf_counter() - start
    bytes_ = sum(file.stat().st_size for file in out.glob("*.parquet"))
    return {
        "seconds": round(seconds, 1),
        "mib": peak_mib(),
        "of_workers": list(peaks.values()),
        "bytes": bytes_,
        **facts,
    }


def main():
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="10000000,100000000")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--of", type=Path)
    options = parser.parse_args()
    if options.of:
        print(json.dumps(measured(options.of, options.processes)))
        return
    rows = []
    for n in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write_pool(Path(folder) / "pool", n)
            os.sync()  # what is left to be written would be counted
            result = in_child("--of", folder, "--processes", str(options.processes))
        note = f"{n / result['seconds']:,.0f} rows per second; {result['mib']:,} MiB at most, "
        note += f"{max(result['of_workers'], default=0):,} MiB of a worker; "
        note += f"{result['bytes'] / n:.0f} bytes per row; coverage {result['coverage']:.2f}; "
        note += f"the report is of {result['n_reported']:,} texts; {options.processes} processes"
        rows.append(row(f"100 rules vote on {n:,} titles", result["seconds"], None, "", "s", note))
    show("large_votes", rows, ["wsal", "polars", "pyarrow"])


if __name__ == "__main__":
    main()
