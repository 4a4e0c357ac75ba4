"""Kill workers, actors, nodes and the driver at random times, and compare with an undisturbed run.

python benchmarks/ray_kills.py [--kills 20] [--shards 30] [--rows 10000] [--seed 0]

A Ray cluster of three nodes on this machine tokenises made-up titles. Each time that it is done,
the files must have the digests of the local run; it starts again until all kills are done. A killed
node is replaced, and a killed driver is started again, as a user would.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from record import row, show
from titles import titles

from wsal.artifacts import CHECKPOINTS
from wsal.classifier.encoder import new_tokenizer
from wsal.classifier.tokens import read_tokens
from wsal.digests import file_digest
from wsal.launch.shards import work_on_shards
from wsal.settings import EncoderSettings, LauncherSettings, RaySettings
from wsal.shards import shard_path
from wsal.stages.tokenise import TokeniseWork

KINDS = ("worker", "actor", "node", "driver")
NODE = {"num_cpus": 1, "memory": 10**9, "object_store_memory": 10**8}


def main():
    """Do the work undisturbed, then with kills; or, in a driver, do it on the cluster."""
    options = parsed()
    if options.drive:
        drive(Path(options.drive), options)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options)
        expected = outputs(work(folder, "local", LauncherSettings(), options))
        show("ray_kills", disturbed(folder, expected, options), ["wsal", "ray"])


def prepare(folder, options):
    """The texts, in shards, and a tokenizer."""
    texts = [titles(options.rows, seed=number) for number in range(options.shards)]
    for number, part in enumerate(texts):
        part.to_frame().write_parquet(shard_path(folder / "pool.parquet", number, len(texts)))
    tokenizer = new_tokenizer(EncoderSettings("tiny"), texts[0].to_list())
    tokenizer.save_pretrained(folder / "tokenizer")


def work(folder, name, launcher, options):
    """Tokenise every shard; returns the folder of the tokens."""
    out = folder / name
    out.mkdir(exist_ok=True)
    tokens = TokeniseWork(folder / "pool.parquet", folder / "tokenizer", 64)
    work_on_shards(tokens, [options.rows] * options.shards, out, "tokenise pool", launcher)
    return out


def drive(folder, options):
    """What a user would start: the work on the cluster."""
    ray = RaySettings(address=options.address, memory=0.3)
    work(folder, options.name, LauncherSettings(name="ray", ray=ray), options)
    (folder / options.name / "done").touch()


def outputs(out):
    """The digest of each file; and every row is there once."""
    files = [path for path in out.iterdir() if path.name not in ("done", CHECKPOINTS)]
    return len(read_tokens(out / "pool")), {file.name: file_digest(file) for file in sorted(files)}


def disturbed(folder, expected, options):
    """Do the work until all kills are done; a line for each time that it was finished."""
    from ray.cluster_utils import Cluster

    rng = np.random.default_rng(options.seed)
    plan = list(rng.permutation([KINDS[k % len(KINDS)] for k in range(options.kills)]))
    os.environ["RAY_worker_niceness"] = "0"
    head = {**NODE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(**NODE) for _ in range(2)]
    lines, total, start = [], len(plan), time.perf_counter()
    try:
        while plan:
            name, before = f"ray {len(lines)}", len(plan)
            driver = started(folder, name, cluster.address, options)
            while not (folder / name / "done").exists():
                try:
                    code = driver.wait(float(rng.uniform(2, 8)))
                    assert code in (0, -signal.SIGKILL), f"the driver ended with {code}"
                except subprocess.TimeoutExpired:
                    code = None
                if code != 0 and plan and kill(plan[-1], driver, cluster, nodes, rng):
                    print(f"{time.perf_counter() - start:.0f} s: {plan.pop()}", flush=True)
                if driver.poll() not in (None, 0):
                    driver = started(folder, name, cluster.address, options)
            driver.wait()
            n_rows, files = outputs(folder / name)
            assert (n_rows, files) == expected, "the output differs from that of the local run"
            note = (
                f"{before - len(plan)} kills, {time.perf_counter() - start:.0f} s since the start"
            )
            lines.append(row("rows with the digests of the local run", n_rows, None, "", "", note))
            shutil.rmtree(folder / name)
    finally:
        cluster.shutdown()
    return [row("kills", total - len(plan), None, "", "", "of each kind alike"), *lines]


def started(folder, name, address, options):
    """The driver, as a process."""
    command = [
        sys.executable, __file__, "--drive", folder, "--name", name, "--address", address,
        "--shards", options.shards, "--rows", options.rows,
    ]  # fmt: skip
    return subprocess.Popen(list(map(str, command)))


def kill(kind, driver, cluster, nodes, rng):
    """Kill one, if there is one at the moment."""
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

    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            title = process.cmdline()[0]
        except (psutil.Error, IndexError):  # it has ended
            continue
        if title.startswith("ray::") and "Agent" not in title and actors == ("ShardActor" in title):
            found.append(process.pid)
    return sorted(found)


def parsed():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--shards", type=int, default=30)
    parser.add_argument("--rows", type=int, default=10_000, help="in each shard")
    parser.add_argument("--seed", type=int, default=0)
    for name in ("--drive", "--name", "--address"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
