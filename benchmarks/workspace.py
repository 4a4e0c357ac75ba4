"""The workspace over 100,000 texts: seconds for groups and previews; how long annotators wait.

python benchmarks/workspace.py [--run RUN] [--turns 20]

Without --run, it makes a run of the generated catalogue with 100,000 texts and a tiny encoder,
which takes minutes. Every time is that of a request over HTTP, as a browser sends it.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np
from record import row, show

WSAL = [sys.executable, "-c", "from wsal.cli import main; main()"]
SECTIONS = ("errors", "uncertain", "doubtful")


def main():
    """Measure with a fresh server in each part, so that nothing is known from before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--turns", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or new_run(Path(folder))
        rows = [*measured(run, options.turns), *annotators(run)]
    show("workspace", rows, ["polars", "numpy", "scikit-learn", "fastapi", "uvicorn"])


def new_run(folder):
    """A run with 100,000 texts in the pool."""
    line = [*WSAL, "run", "experiment=smoke", "name=big", "data.n=155000", "active.rounds=1"]
    subprocess.run(line, cwd=folder, check=True, stdout=sys.stderr)
    return folder / "runs" / "big"


class Served:
    """`wsal workspace` in a process of its own, and a client."""

    def __init__(self, run):
        line = [*WSAL, "workspace", str(run), "--port", "0", "--no-browser"]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        base, token = re.search(r"(http://\S+)/workspace\?token=([\w-]+)", self.read()).groups()
        self.client = httpx.Client(
            base_url=base, cookies={"wsal": token}, headers={"X-Wsal": "1"}, timeout=300
        )

    def read(self):
        """The line with the address."""
        return self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def timed(self, method, path, **more):
        """The answer, and the seconds until it came."""
        start = time.perf_counter()
        answer = self.client.request(method, f"/api/workspace{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json(), time.perf_counter() - start


def measured(run, turns):
    """Groups the first time and again, a group opened, and previews of new words."""
    rows = []
    with Served(run) as served:
        labels = served.timed("GET", "")[0]["labels"]
        for section in SECTIONS:
            listed, first = served.timed("GET", f"/groups?section={section}")
            again = [served.timed("GET", f"/groups?section={section}")[1] for _ in range(turns)]
            note = (
                f"{len(listed['groups'])} groups; again: {1000 * statistics.median(again):.0f} ms"
            )
            rows.append(row(f"groups of {section}, first time", first, None, "", "s", note))
            for group in listed["groups"][:1]:
                for what in ("group", "proposals"):
                    path = f"/{what}?section={section}&key={group['key']}"
                    first, *_, last = (served.timed("GET", path)[1] for _ in range(3))
                    name = f"{what} of {section}, first time"
                    rows.append(row(name, first, None, "", "s", f"again: {1000 * last:.0f} ms"))
        times = []
        for turn in range(turns + 1):
            words = [f"word{turn}", "case", "cover", "bag"]
            draft = {"name": "new_rule", "label": labels[0], "words": words}
            effect, seconds = served.timed("POST", "/preview", json=draft)
            times.append(seconds)
        note = (
            f"{effect['texts']:,} texts; the first one {times[0]:.2f} s; max {max(times[1:]):.2f} s"
        )
        rows.append(
            row("preview of a rule, median", statistics.median(times[1:]), None, "", "s", note)
        )
    return rows


def annotators(run):
    """How long requests of annotators take while groups are computed, and in peace."""
    rows = []
    with Served(run) as served:
        served.timed("GET", "")
        quiet = waits(served, lambda: time.sleep(3))

        def work():
            with httpx.Client(cookies=served.client.cookies, timeout=300) as client:
                for section in SECTIONS:
                    url = f"{served.client.base_url}/api/workspace/groups?section={section}"
                    assert client.get(url).status_code == 200

        busy = waits(served, work)
    for name, times in (("in peace", quiet), ("while groups are computed", busy)):
        p99, median = 1000 * np.quantile(times, 0.99), 1000 * statistics.median(times)
        note = f"median {median:.1f} ms, {len(times)} requests"
        rows.append(row(f"next text {name}, p99", p99, None, "", "ms", note))
    return rows


def waits(served, work):
    """The seconds that each request for the next texts takes, while `work` is done."""
    thread, times = threading.Thread(target=work), []
    thread.start()
    while thread.is_alive():
        start = time.perf_counter()
        assert served.client.get("/api/next").status_code == 200
        times.append(time.perf_counter() - start)
        time.sleep(0.01)
    return times


if __name__ == "__main__":
    main()
