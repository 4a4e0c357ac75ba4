"""How fast `prepare` is, and the most memory that it holds: titles in Parquet and csv.

python benchmarks/prepare.py [--rows 2000000,10000000] [--kinds parquet,csv] [--folder FOLDER]

About one row in ten repeats another, sometimes in capitals; one in a hundred has a gold label.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from record import in_child, peak_mib, row, show, timed
from titles import titles

ROWS_OF_FILE = 1_000_000
TARGET = 200_000  # rows per second, on two cores
CLASSES = 50


def write_titles(folder, n, kind):
    """Write `n` titles to files of a folder."""
    for number, first in enumerate(range(0, n, ROWS_OF_FILE)):
        rng = np.random.default_rng([number, n])
        size = min(ROWS_OF_FILE, n - first)
        text = titles(size, seed=number)
        copies = rng.random(size) < 0.1
        source = np.where(copies, rng.integers(0, size, size), np.arange(size))
        text = text[source]
        capitals = pl.Series(copies & (rng.random(size) < 0.3))
        text = pl.select(pl.when(capitals).then(text.str.to_uppercase()).otherwise(text))
        label = pl.Series([f"class {i}" for i in range(CLASSES)])[rng.integers(0, CLASSES, size)]
        label = label.set(pl.Series(rng.random(size) > 0.01), None)
        frame = pl.DataFrame({"title": text.to_series(), "kind": label})
        path = folder / f"{number:04}.{kind}"
        frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path)


def measure(folder):
    """Prepare the files of a folder; print the rows, the seconds, and the memory."""
    from wsal.data.base import Layout
    from wsal.data.table_file import TableFile
    from wsal.stages.prepare import prepare

    out = folder / "pool"
    out.mkdir()
    source = TableFile(folder / "source", Layout(text=("title",), label="kind"))
    facts, seconds = timed(lambda: prepare(out, data=source, seed=0, shard_rows=1_000_000))
    counts = {name: facts[name] for name in ("n_rows", "n_pool", "n_duplicates")}
    print(json.dumps({**counts, "seconds": seconds, "peak": peak_mib()}))


def main():
    """Measure each kind and size, in a process of its own, and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="2000000,10000000")
    parser.add_argument("--kinds", default="parquet,csv")
    parser.add_argument("--folder", type=Path, help="for the files; default: a temporary one")
    parser.add_argument("--child", type=Path)
    parser.add_argument("--write", nargs=2)
    options = parser.parse_args()
    if options.child and options.write:
        write_titles(options.child, int(options.write[0]), options.write[1])
        print("{}")
        return
    if options.child:
        measure(options.child)
        return
    rows = []
    for n in map(int, options.rows.split(",")):
        for kind in options.kinds.split(","):
            folder = Path(tempfile.mkdtemp(dir=options.folder))
            try:
                (folder / "source").mkdir()
                in_child("--child", str(folder / "source"), "--write", str(n), kind)
                result = in_child("--child", str(folder))
            finally:
                shutil.rmtree(folder)
            rate = round(result["n_rows"] / result["seconds"])
            note = f"peak {result['peak']:,} MiB; {result['n_duplicates']:,} duplicates"
            what = f"prepare {n:,} titles, {kind}"
            rows.append(row(what, rate, TARGET, "target", "rows/s", note, less_is_better=False))
            print(what, rate, note, file=sys.stderr)
    show("prepare", rows, ["wsal", "polars", "pyarrow", "numpy"])


if __name__ == "__main__":
    main()
