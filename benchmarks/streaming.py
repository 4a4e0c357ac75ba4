"""Memory of training data on disk: 1 and 10 million texts laid out, read, padded; no model.

python benchmarks/streaming.py [--texts 1000000,10000000]
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from minilm import MINILM, fresh
from product_texts import titles
from record import in_child, peak_mib, row, show, timed
from rich.progress import track

from wsal.classifier.objectives import LabelObjective
from wsal.classifier.tokens import read_tokens, write_tokens
from wsal.classifier.training_plan import pretraining_plan

ONCE = 10_000


def anonymous_mib():
    """Memory of this process without the files it maps, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024


def repeat(path, times):
    """Repeat the tokens on disk so many times, one after another."""
    once, bounds = (
        path.with_suffix(".tokens").read_bytes(),
        np.load(path.with_suffix(".bounds.npy")),
    )
    with path.with_suffix(".tokens").open("ab") as file:
        for _ in range(times - 1):
            file.write(once)
    shifted = [bounds[1:] + number * bounds[-1] for number in range(times)]
    np.save(path.with_suffix(".bounds.npy"), np.concatenate([bounds[:1], *shifted]))


def one_epoch(folder, n):
    """Tokenise some texts to disk, repeat them to `n`, go through one epoch in steps of 256."""
    known = titles()
    classifier = fresh(MINILM, known.labels, 0)
    shape = (n, len(known.labels))
    targets = np.lib.format.open_memmap(folder / "t.npy", mode="w+", dtype=np.float32, shape=shape)
    some = [known.train[:ONCE]]
    _, to_disk = timed(lambda: write_tokens(classifier.tokenizer, some, 128, folder / "pool"))
    repeat(folder / "pool", n // ONCE)
    start = anonymous_mib()
    tokens = read_tokens(folder / "pool")
    objective = LabelObjective(classifier, tokens, targets, np.ones(n, dtype=np.float32))

    def read():
        plan = pretraining_plan(objective.lengths, 256, 1, np.random.default_rng(0))
        most = anonymous_mib()
        for step in range(len(plan)):
            objective.batch(plan[step])
            if step % 1000 == 0:
                most = max(most, anonymous_mib())
        return most

    most, seconds = timed(read)
    return {
        "mib": most - start, "peak": peak_mib(), "tokenise": round(ONCE / to_disk),
        "read": round(n / seconds),
    }  # fmt: skip


def main():
    """Measure and show; each size in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", default="1000000,10000000")
    parser.add_argument("--child", type=int)
    options = parser.parse_args()
    if options.child:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(one_epoch(Path(folder), options.child)))
        return
    rows = []
    for n in track([int(n) for n in options.texts.split(",")], "stream", transient=True):
        found = in_child("--child", str(n))
        note = f"{found['tokenise']:,} texts/s to disk, {found['read']:,} read and padded in one "
        note += f"thread; 10,000 titles repeated; peak with mapped files {found['peak']:,} MiB"
        rows.append(row(f"one epoch of {n:,} titles", found["mib"], None, None, "MiB", note))
    show("streaming", rows, ["wsal", "torch", "transformers", "numpy"])


if __name__ == "__main__":
    main()
