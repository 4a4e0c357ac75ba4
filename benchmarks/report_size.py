"""Time, memory and size of `wsal report` on runs of 35,000 and of a million texts.

python benchmarks/report_size.py [--sizes 35000:10,1000000:150] [--folder FOLDER]

The runs are made up: texts, embeddings and predictions are random, with classes that are confused
with their neighbours; rules and label model are real. The small run is measured on a dev split, the
large one on an evaluation sample. The folder needs 4 GB.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from record import in_child, peak_mib, row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_up_run import write_run

TARGETS = {35_000: (10, 5_000), 1_000_000: (60, 3_000)}  # texts -> seconds, MB of memory


def measured(run_dir):
    """Seconds and memory of a report, from the import on; its size."""
    start = time.perf_counter()
    from wsal.inspection.run_view import RunView
    from wsal.report.page import FILE, make_report

    report = make_report(RunView(run_dir))
    path = report.save(run_dir / FILE)
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 1), "mib": peak_mib(), "bytes": path.stat().st_size}


def by_section(run_dir):
    """Seconds of each section, the first of which reads what all need."""
    from wsal.inspection.run_view import RunView
    from wsal.report.page import SECTIONS

    view = RunView(run_dir)
    for make in SECTIONS:
        start = time.perf_counter()
        make(view)
        print(f"{make.__name__}: {time.perf_counter() - start:.2f} s", file=sys.stderr)


def main():
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="35000:10,1000000:150", help="TEXTS:CLASSES, ...")
    parser.add_argument("--folder", type=Path, help="where runs are made, and kept (default: none)")
    parser.add_argument("--of", type=Path)
    parser.add_argument("--sections", type=Path, help="only time each section of this run")
    options = parser.parse_args()
    if options.sections:
        by_section(options.sections)
        return
    if options.of:
        print(json.dumps(measured(options.of)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in options.sizes.split(","):
            n, k = map(int, size.split(":"))
            run_dir = (options.folder or Path(temporary)) / f"texts_{n}"
            if not run_dir.exists():
                write_run(run_dir, n, k, dev=n < 100_000)
            result = in_child("--of", str(run_dir))
            limits = TARGETS.get(n)
            note = f"{result['mib']:,} MiB at most; {result['bytes'] / 1e6:.1f} MB"
            note += f"; targets: {limits[0]} s and {limits[1]:,} MB" if limits else ""
            rows.append(
                row(f"report of {n:,} texts, {k} classes", result["seconds"], None, "", "s", note)
            )
    show("report_size", rows, ["wsal", "altair", "vl-convert-python"])


if __name__ == "__main__":
    main()
