"""Kill workers, actors, nodes and the driver at random times, and compare with an undisturbed run.

python benchmarks/ray_kills.py [--kills 20] [--shards 60] [--rows 2000] [--seed 0]

A Ray cluster of three nodes on this machine works on made-up titles, about a second on each shard.
Between two kills, it seals at least a shard. Each time that the work is done, the files must have
the digests of the local run, with every row once; it starts again until all kills are done. A
killed node is replaced, and a killed driver is started again, as a user would.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import pbkdf2_hmac
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from record import row, show
from titles import titles

from wsal.artifacts import CHECKPOINTS
from wsal.digests import file_digest
from wsal.launch.shards import work_on_shards
from wsal.settings import LauncherSettings, RaySettings
from wsal.shards import shard_files, shard_path

KINDS = ("worker", "actor", "node", "driver")
NODE = {"num_cpus": 1, "memory": 10**9, "object_store_memory": 10**8}
ROUNDS = 500  # of hashing a title: half a millisecond


@dataclass(frozen=True)
class Fingerprints:
    """The id and a hash of each title."""

    table: Path

    def start(self):
        """Nothing needs loading."""
        files = shard_files(self.table)

        def work(shard):
            rows = pl.read_parquet(files[shard.number])
            hashes = [pbkdf2_hmac("sha256", text.encode(), b"", ROUNDS) for text in rows["text"]]
            done = rows.select("id", hash=pl.Series(hashes))
            done.write_parquet(shard.folder / "hashes.parquet")
            return {}

        return work


def main():
    """Do the work undisturbed, then with kills; or, in a driver, do it on the cluster."""
    options = parsed()
    if options.drive:
        drive(Path(options.drive), options)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options)
        expected = outputs(work(folder, "local", LauncherSettings(), options), options)
        show("ray_kills", disturbed(folder, expected, options), ["wsal", "ray"])


def prepare(folder, options):
    """The titles, in shards."""
    for number in range(options.shards):
        texts = titles(options.rows, seed=number).to_frame()
        rows = texts.with_row_index("id", number * options.rows)
        rows.write_parquet(shard_path(folder / "pool.parquet", number, options.shards))


def work(folder, name, launcher, options):
    """Work on every shard; returns the folder with the output."""
    out = folder / name
    out.mkdir(exist_ok=True)
    sizes = [options.rows] * options.shards
    work_on_shards(Fingerprints(folder / "pool.parquet"), sizes, out, "hash", launcher)
    return out


def drive(folder, options):
    """What a user would start: the work on the cluster."""
    ray = RaySettings(address=options.address, memory=0.3)
    work(folder, options.name, LauncherSettings(name="ray", ray=ray), options)


def outputs(out, options):
    """The digest of each file, once every row is there once and in its place."""
    ids = pl.read_parquet(out / "hashes-*.parquet")["id"].to_list()
    assert ids == list(range(options.rows * options.shards)), "rows are missing or doubled"
    return {file.name: file_digest(file) for file in sorted(out.glob("hashes-*"))}


def n_sealed(out):
    """How many shards are sealed."""
    return len(list((out / CHECKPOINTS).glob("hash/*/seal.json")))


def disturbed(folder, expected, options):
    """Do the work until all kills are done; a line for each time that it was finished."""
    from ray.cluster_utils import Cluster

    rng = np.random.default_rng(options.seed)
    plan = list(rng.permutation([KINDS[k % len(KINDS)] for k in range(options.kills)]))
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  its name
    head = {**NODE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(**NODE) for _ in range(2)]
    lines, start = [], time.perf_counter()
    try:
        while plan:
            name, before = f"ray{len(lines)}", len(plan)
            driver = started(folder, name, cluster.address, options)
            at_kill, moment = 0, rng.uniform(0, 2)  # seconds after that a shard was sealed
            while not finished(driver, moment):
                sealed = n_sealed(folder / name)
                if plan and sealed > at_kill and kill(plan[-1], driver, cluster, nodes, rng):
                    seconds = time.perf_counter() - start
                    print(f"{seconds:.0f} s, {sealed} shards: {plan.pop()}", flush=True)
                    at_kill, moment = n_sealed(folder / name), rng.uniform(0, 2)
                if driver.poll() == -signal.SIGKILL:
                    driver = started(folder, name, cluster.address, options)
            assert outputs(folder / name, options) == expected, "other digests than locally"
            seconds = time.perf_counter() - start
            note = f"{before - len(plan)} kills, {seconds:.0f} s since the start"
            n_rows = options.rows * options.shards
            lines.append(row("rows with the digests of the local run", n_rows, None, "", "", note))
            shutil.rmtree(folder / name)
    finally:
        cluster.shutdown()
    return [row("kills", options.kills, None, "", "", "of each kind alike"), *lines]


def started(folder, name, address, options):
    """The driver, as a process."""
    command = [
        sys.executable, __file__, "--drive", folder, "--name", name, "--address", address,
        "--shards", options.shards, "--rows", options.rows,
    ]  # fmt: skip
    return subprocess.Popen(list(map(str, command)))


def finished(driver, seconds):
    """Wait a while; whether the driver has ended, and not by a kill."""
    try:
        code = driver.wait(float(seconds))
    except subprocess.TimeoutExpired:
        return False
    assert code in (0, -signal.SIGKILL), f"the driver ended with {code}"
    return code == 0


def kill(kind, driver, cluster, nodes, rng):
    """Kill a process of this kind, if there is one at the moment."""
    if kind == "driver":
        driver.kill()
        driver.wait()
        return True
    if kind == "node":
        at = int(rng.integers(len(nodes)))
        cluster.remove_node(nodes[at], allow_graceful=False)
        nodes[at] = cluster.add_node(**NODE)
        return True
    pids = ray_processes(actors=kind == "actor")
    if pids:
        os.kill(int(rng.choice(pids)), signal.SIGKILL)
    return bool(pids)


def ray_processes(*, actors):
    """Actors that work on shards; or other workers, such as idle ones and those of Ray Data.

    Only those of this cluster, whose nodes are children of this process.
    """
    import psutil

    pids = []
    for process in psutil.Process().children(recursive=True):
        try:
            title = process.cmdline()[0]
        except (psutil.Error, IndexError):  # it has ended
            continue
        if title.startswith("ray::") and "Agent" not in title and actors == ("ShardActor" in title):
            pids.append(process.pid)
    return sorted(pids)


def parsed():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--rows", type=int, default=2000, help="in each shard")
    parser.add_argument("--seed", type=int, default=0)
    for name in ("--drive", "--name", "--address"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
