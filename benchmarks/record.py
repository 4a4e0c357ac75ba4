"""How a benchmark reports its results: a table of medians and ratios, and one JSON line."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scipy.stats import t


def row(what, wsal, peer, peer_name, unit, note="", *, less_is_better=True):
    """One comparison; `ratio` above 1 means that wsal is better."""
    ratio = None
    if wsal and peer:
        ratio = round(peer / wsal if less_is_better else wsal / peer, 2)
    return {
        "what": what, "wsal": wsal, "peer": peer, "peer_name": peer_name, "unit": unit,
        "ratio": ratio, "note": note,
    }  # fmt: skip


def show(benchmark, rows, packages, card="not measured on a GPU"):
    """Print the table, and last the JSON line."""
    table = Table(title=benchmark, title_justify="left")
    for name in ("what", "wsal", "peer", "peer_name", "unit", "ratio", "note"):
        table.add_column(name, justify="right" if name in ("wsal", "peer", "ratio") else "left")
    for line in rows:
        table.add_row(*("" if value is None else str(value) for value in line.values()))
    Console(width=170).print(table)
    python = platform.python_version()
    machine = f"{cpu()}, {os.cpu_count()} cores, {card}; Python {python}"
    versions = {name: version(name) for name in packages}
    record = {"benchmark": benchmark, "machine": machine, "versions": versions, "rows": rows}
    print(json.dumps(record))


def mean_and_half(values):
    """The mean, and half the width of its 90% interval by Student's t; NaN of a single value."""
    n = len(values)
    half = float(t.ppf(0.95, n - 1)) * statistics.stdev(values) / n**0.5 if n > 1 else float("nan")
    return statistics.mean(values), half


def cpu():
    """The processor's name."""
    found = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return found[0] if found else platform.processor()


def timed(work):
    """The result of `work()`, and how many seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def in_child(*arguments):
    """The last line that this script prints when run as a process of its own, read as JSON."""
    command = [sys.executable, sys.argv[0], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak_mib():
    """The most memory this process held, in MiB; getrusage would count its parent, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)  # macOS: bytes
    return round(int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024)


@contextmanager
def peaks_of_workers():
    """A dict that fills with the most memory, in MiB, of each process that this one has started."""
    import psutil

    peaks, over = {}, threading.Event()

    def look():
        while not over.wait(0.1):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    held = process.memory_info().rss / 1024**2
                    peaks[process.pid] = round(max(held, peaks.get(process.pid, 0)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()
