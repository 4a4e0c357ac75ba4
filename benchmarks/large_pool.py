"""Time and memory of the stage `select` on given embeddings of a pool of millions, in shards.

python benchmarks/large_pool.py [--sizes 1000000,10000000] [--processes 2] [--folder FOLDER]
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from record import row, show

from wsal import artifacts
from wsal.active.candidates import QueryStrategy
from wsal.annotation.annotators import Oracle
from wsal.artifacts import Artifact
from wsal.classifier.encoder import new_classifier, new_tokenizer
from wsal.labels import LabelSet
from wsal.presets import preset
from wsal.seeding import rng
from wsal.settings import (
    ActiveSettings,
    EncoderSettings,
    EvaluationSettings,
    HardwareSettings,
    LauncherSettings,
)
from wsal.shards import shard_path
from wsal.stages.select import select

DIMS, CLASSES, RULES, SHARD = 384, 20, 20, 1_000_000
WORDS = [f"word{n}" for n in range(1_000)]
LABELS = LabelSet(tuple(f"class {n}" for n in range(CLASSES)))
ENCODER = EncoderSettings("tiny", max_length=32, precision="fp32")
CPU = HardwareSettings("cpu")


def main():
    """Measure each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    rows = []
    for n in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            made = write_run(Path(folder), n)
            seconds, mib = a_round(Path(folder), made, options.processes)
        note = f"{DIMS} dims, {CLASSES} classes, {RULES} rules, shards of {SHARD:,} texts; "
        note += f"{options.processes} processes; {mib:,} MiB at most, without files in the cache"
        rows.append(row(f"select from {n:,} texts", seconds, None, "", "s", note))
    show("large_pool", rows, ["wsal", "numpy", "polars", "pyarrow"])


def write_run(folder, n):
    """Artifacts of a run with `n` texts, as the stages before `select` write them."""
    count = -(-n // SHARD)
    sizes = [min(SHARD, n - first) for first in range(0, n, SHARD)]
    facts = {"n_pool": n, "n_dev": 0, "n_test": 0, "labels": list(LABELS.names)}
    made = {}
    for name in ("pool", "tokens", "votes", "weak_labels", "embeddings", "classifier"):
        with artifacts.create(folder / name, {}, {}) as (out, about):
            about.update(facts)
            if name == "classifier":
                tokenizer = new_tokenizer(ENCODER, WORDS)
                new_classifier(ENCODER, CPU, LABELS, tokenizer, 0).save(out)
            else:
                for number, size in enumerate(sizes):
                    WRITERS[name](out, number, count, size)
        made[name] = Artifact.open(folder / name)
    return made


def write_pool(out, number, count, n):
    """Titles of eight words."""
    words = np.array(WORDS)[rng(0, "words", number).integers(0, len(WORDS), (n, 8))]
    first = number * SHARD
    table = pl.DataFrame({f"w{i}": words[:, i] for i in range(8)}).select(
        id=pl.format("id{}", pl.int_range(first, first + n)),
        text=pl.concat_str(pl.all(), separator=" "),
        n_copies=pl.lit(1, pl.Int32),
        fields=pl.struct(title=pl.lit("")),
    )
    table.write_parquet(shard_path(out / "pool.parquet", number, count), row_group_size=100_000)


def write_the_tokens(out, number, count, n):
    """Ten word pieces a text."""
    name = shard_path(out / "pool.tokens", number, count).with_suffix("").name
    pieces = rng(0, "pieces", number).integers(5, len(WORDS), 10 * n).astype(np.uint16)
    (out / f"{name}.tokens").write_bytes(pieces.tobytes())
    (out / f"{name}.kind.json").write_text('"uint16"')
    np.save(out / f"{name}.bounds.npy", np.arange(0, 10 * n + 1, 10))


def write_votes(out, number, count, n):
    """Each rule votes on 5% of the texts."""
    draw = rng(0, "votes", number)
    votes = {
        f"rule {k}": np.where(draw.random(n, np.float32) < 0.05, k % CLASSES, -1).astype(np.int16)
        for k in range(RULES)
    }
    table = pl.DataFrame({"id": pl.Series(["id"]).new_from_index(0, n), **votes})
    table.write_parquet(shard_path(out / "votes.parquet", number, count), row_group_size=100_000)


def write_weak_labels(out, number, count, n):
    """Random distributions."""
    probs = rng(0, "weak", number).dirichlet(np.ones(CLASSES), 1_000).astype(np.float32)
    probs = np.resize(probs, (n, CLASSES))
    table = pl.DataFrame(
        {
            "id": pl.Series(["id"]).new_from_index(0, n),
            "probs": pl.Series(probs, dtype=pl.Array(pl.Float32, CLASSES)),
            "n_votes": np.ones(n, np.int16),
            "used": np.ones(n, bool),
        }
    )
    path = shard_path(out / "weak_labels.parquet", number, count)
    table.write_parquet(path, row_group_size=100_000)


def write_embeddings(out, number, count, n):
    """Unit vectors around the centres of the classes, and the probabilities that they imply."""
    centres = rng(0, "centres").normal(size=(CLASSES, DIMS)).astype(np.float32)
    arrays = {
        name: np.lib.format.open_memmap(
            shard_path(out / f"{name}.npy", number, count), "w+", np.float16, (n, width)
        )
        for name, width in (("embeddings", DIMS), ("probs", CLASSES))
    }
    for first in range(0, n, 100_000):
        draw = rng(0, "part", number, first)
        size = min(100_000, n - first)
        part = 1.5 * draw.standard_normal((size, DIMS), np.float32)
        part += centres[draw.integers(0, CLASSES, size)]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        odds = np.exp(part @ centres.T / 4)
        arrays["embeddings"][first : first + size] = part
        arrays["probs"][first : first + size] = odds / odds.sum(axis=1, keepdims=True)


WRITERS = {
    "pool": write_pool,
    "tokens": write_the_tokens,
    "votes": write_votes,
    "weak_labels": write_weak_labels,
    "embeddings": write_embeddings,
}


def a_round(folder, made, processes):
    """Seconds of the stage, and the most memory of all its processes."""
    strategy = preset(QueryStrategy, "strategy", "dbal", {})
    out = folder / "query"
    out.mkdir()
    with Memory() as memory:
        start = time.perf_counter()
        facts = select(
            out,
            **made,
            earlier_annotations=[],
            earlier_queries=[],
            encoder=ENCODER,
            strategy=strategy,
            active=preset(ActiveSettings, "active", "default", {}),
            evaluation=preset(EvaluationSettings, "evaluation", "default", {}),
            seed=0,
            hardware=CPU,
            annotator=Oracle(),
            launcher=LauncherSettings(processes=processes),
        )
        seconds = time.perf_counter() - start
    assert facts["n_candidates"] == 5_000, facts
    return round(seconds, 1), memory.most


class Memory:
    """The most memory of this process and its children, in MiB, without files in the cache."""

    def __enter__(self):
        self.most, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def look(self):
        """Add up what each process has alone."""
        own = psutil.Process()
        while not self.ended.wait(0.2):
            used = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    info = process.memory_info()
                except psutil.Error:
                    continue
                used += info.rss - info.shared
            self.most = max(self.most, round(used / 2**20))


if __name__ == "__main__":
    main()
