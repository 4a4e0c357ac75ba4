"""Rows a second through Ray and through processes of this machine, on the same cores.

python benchmarks/ray_launcher.py [--tiny 5000000] [--minilm 100000] [--turns 3]

Two processes with a core each tokenise made-up titles and embed them, with the tiny encoder and
with MiniLM. The seconds include starting the processes, also the actors of Ray. Starting the
cluster, once for a command, is shown apart and counted in the second ratio. Both must write the
same files.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from minilm import MINILM
from record import in_child, row, show, timed
from rich.progress import track
from titles import titles

from wsal.artifacts import CHECKPOINTS
from wsal.classifier.encoder import new_classifier, new_tokenizer
from wsal.classifier.hardware import settled
from wsal.digests import file_digest
from wsal.labels import LabelSet
from wsal.launch.shards import work_on_shards
from wsal.rounds.embedding import EmbedWork
from wsal.settings import EncoderSettings, HardwareSettings, LauncherSettings, RaySettings
from wsal.shards import shard_path
from wsal.stages.tokenise import TokeniseWork

LAUNCHERS = {
    "local": LauncherSettings(processes=2),
    "ray": LauncherSettings("ray", ray=RaySettings(actors=2, cpus=1, memory=2)),
}
LABELS = LabelSet(tuple(f"class {n}" for n in range(10)))
SHARDS = 20
ENCODERS = {"tiny": "tiny", "minilm": MINILM}


def main():
    """Compare the launchers on each task; or, in a process of its own, measure one of them."""
    options = parsed()
    if options.child:
        print(json.dumps(measured(Path(options.child[0]), *options.child[1:])))
        return
    rows = []
    for encoder, n in (("tiny", options.tiny), ("minilm", options.minilm)):
        if n:
            with TemporaryDirectory() as name:
                prepare(Path(name), encoder, n)
                for task in ("tokenise", "embed"):
                    rows += compared(Path(name), encoder, task, n, options.turns)
    show("ray_launcher", rows, ["wsal", "ray", "torch", "transformers"])


def prepare(folder, encoder, n):
    """Titles in shards, and a classifier."""
    for number in range(SHARDS):
        texts = titles(n // SHARDS, seed=number).to_frame()
        texts.write_parquet(shard_path(folder / "pool.parquet", number, SHARDS))
    settings = EncoderSettings(ENCODERS[encoder])
    tokenizer = new_tokenizer(settings, titles(10_000).to_list())
    classifier = new_classifier(settings, HardwareSettings(device="cpu"), LABELS, tokenizer, 0)
    classifier.save(folder / "classifier")


def compared(folder, encoder, task, n, turns):
    """Both launchers in turn: rows a second, with and without the start of the cluster."""
    measurements = {name: [] for name in LAUNCHERS}
    for _ in track(range(turns), f"{task}, {encoder}", transient=True):
        for name in LAUNCHERS:
            measurements[name].append(in_child("--child", str(folder), encoder, task, name))
    digests = {
        json.dumps(result["digests"]) for results in measurements.values() for result in results
    }
    assert len(digests) == 1, "the launchers wrote different files"
    rows = n // SHARDS * SHARDS
    seconds = {
        name: statistics.median(r["seconds"] for r in measurements[name]) for name in LAUNCHERS
    }
    start = statistics.median(result["start"] for result in measurements["ray"])
    note = f"median of {turns}; Ray {seconds['ray']:.1f} s, its cluster starts in {start:.1f} s"
    local = round(rows / seconds["local"])
    for what, of_ray in (("", seconds["ray"]), (", with its start", seconds["ray"] + start)):
        title = f"{task} {rows:,} titles, {encoder}{what}"
        yield row(
            title, round(rows / of_ray), local, "local", "texts/s", note, less_is_better=False
        )


def measured(folder, encoder, task, launcher):
    """Seconds of the work, and before it of starting the cluster; the digest of each file."""
    start = 0.0
    if launcher == "ray":
        from wsal.launch.ray_cluster import join

        start = timed(lambda: join(None))[1]
    settings = EncoderSettings(ENCODERS[encoder])
    if task == "tokenise":
        work = TokeniseWork(folder / "pool.parquet", folder / "classifier", settings.max_length)
    else:
        encoder, hardware = settled(settings, HardwareSettings(device="cpu"), LAUNCHERS[launcher])
        work = EmbedWork(folder / "tokens" / "pool", folder / "classifier", encoder, hardware)
    out = folder / "tokens" if task == "tokenise" else folder / "embedded"
    sizes = [1] * SHARDS
    with TemporaryDirectory(dir=folder) as name:
        new = Path(name) / "out"
        new.mkdir()
        seconds = timed(lambda: work_on_shards(work, sizes, new, task, LAUNCHERS[launcher]))[1]
        files = [path for path in sorted(new.iterdir()) if path.name != CHECKPOINTS]
        digests = {file.name: file_digest(file) for file in files}
        if not out.exists():
            new.rename(out)
    return {"seconds": seconds, "start": start, "digests": digests}


def parsed():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", type=int, default=5_000_000, help="titles; 0: none")
    parser.add_argument("--minilm", type=int, default=100_000, help="titles; 0: none")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
