"""Training on two cores, alone and beside another busy process, with two ways of waiting.

python benchmarks/busy_machine.py [--texts 640] [--turns 5] [--patience 600]

Each turn waits until other programs leave the cores alone, at most `--patience` seconds in all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from record import in_child, row, show
from rich.progress import track

from wsal.processes import OPENMP_VARIABLES, limit_openmp_spins

CORES = sorted(os.sched_getaffinity(0))[:2]
QUIET = 0.05  # share of the two cores that others take
LOOK = 2.0  # seconds
WAYS = {"sleeps": "threads sleep soon where they wait", "spins": "threads spin, as by default"}


def busy():
    """Seconds that the two cores have worked since the machine started."""
    names = {f"cpu{core}" for core in CORES}
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    ticks = [map(int, line[1:]) for line in lines if line[0] in names]
    worked = sum(
        user + nice + system + irq + soft for user, nice, system, _, _, irq, soft, *_ in ticks
    )
    return worked / os.sysconf("SC_CLK_TCK")


def used(pid):
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_turn(way, texts, beside):
    """Texts a second of MiniLM in training, and the share of both cores that others took."""
    if way == "sleeps":
        limit_openmp_spins()
    from minilm import MINILM
    from product_texts import titles
    from training import ours

    from wsal.training_settings import OptimizerSettings

    known, settings = titles(), OptimizerSettings(lr=1e-4)
    ours(MINILM, known, 64, settings, 1, 0)  # so that probes and memory are ready
    mine = [pid for pid in (os.getpid(), beside) if pid]
    start, before = time.perf_counter(), busy() - sum(map(used, mine))
    _, _, seconds = ours(MINILM, known, texts, settings, 1, 0)
    others = busy() - sum(map(used, mine)) - before
    share = others / (len(CORES) * (time.perf_counter() - start))
    return {"rate": texts / seconds, "others": max(0.0, share)}


def rest(patience):
    """Wait until others leave the cores alone; returns the patience that is left."""
    while patience > 0:
        before = busy()
        time.sleep(LOOK)
        patience -= LOOK
        if (busy() - before) / (len(CORES) * LOOK) < QUIET:
            break
    return patience


def measured(options):
    """Both ways, alone and beside a busy process, in turn."""
    found, patience = (
        {(way, beside): [] for way in WAYS for beside in (False, True)},
        options.patience,
    )
    for turn in track(range(options.turns), "turns", transient=True):
        for way, beside in sorted(found, reverse=bool(turn % 2)):
            patience = rest(patience)
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if beside else None
            try:
                arguments = ["--way", way, "--texts", str(options.texts)]
                arguments += ["--beside", str(other.pid)] if other else []
                found[way, beside].append(in_child(*arguments))
            finally:
                if other:
                    other.kill()
                    other.wait()
    return found


def rows(found):
    """Medians of both ways, and how far the turns lie apart."""
    for beside, what in ((False, "alone"), (True, "beside one busy process")):
        rates = {way: [one["rate"] for one in found[way, beside]] for way in WAYS}
        medians = {way: round(statistics.median(rates[way]), 1) for way in WAYS}
        spread = {way: f"{min(rates[way]):.0f} to {max(rates[way]):.0f}" for way in WAYS}
        others = [one["others"] for way in WAYS for one in found[way, beside]]
        note = f"two cores, batch 32, {len(rates['sleeps'])} turns: {spread['sleeps']} against "
        note += f"{spread['spins']}; besides, other programs took {statistics.median(others):.0%} "
        note += f"of the cores ({min(others):.0%} to {max(others):.0%})"
        yield row(
            f"train minilm {what}", medians["sleeps"], medians["spins"], WAYS["spins"], "texts/s",
            note, less_is_better=False,
        )  # fmt: skip


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=640)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--patience", type=float, default=600)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--beside", type=int, default=0)
    options = parser.parse_args()
    os.sched_setaffinity(0, CORES)
    for name in OPENMP_VARIABLES:
        os.environ.pop(name, None)
    if options.way:
        print(json.dumps(one_turn(options.way, options.texts, options.beside)))
        return
    show("busy_machine", list(rows(measured(options))), ("wsal", "torch", "transformers"))


if __name__ == "__main__":
    main()
