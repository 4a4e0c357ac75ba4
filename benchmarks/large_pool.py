"""Time and memory of a round on a pool of millions: proxy, shortlist, strategy.

python benchmarks/large_pool.py [--sizes 1000000,10000000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from record import in_child, peak_mib, row, show

from wsal.active.candidates import Candidates, Labelled
from wsal.active.proxy import fit_proxy, scan
from wsal.active.shortlist import shortlist
from wsal.active.strategies import Dbal
from wsal.seeding import rng

DIMS, CLASSES, FRAME, CANDIDATES, QUERY = 384, 100, 5_000, 5_000, 100
AT_ONCE = 100_000


def write(path, n):
    """Unit vectors around 100 centres, in half precision, as the stage `embed` writes them."""
    centres = rng(0, "centres").normal(size=(CLASSES, DIMS)).astype(np.float32)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n, DIMS))
    for first in range(0, n, AT_ONCE):
        draw = rng(0, "part", first)
        last = min(first + AT_ONCE, n)
        noise = draw.normal(size=(last - first, DIMS), scale=1.5).astype(np.float32)
        part = centres[draw.integers(0, CLASSES, last - first)] + noise
        out[first:last] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return out


def a_round(path):
    """Seconds and memory of a round, without the classifier's look at the shortlist."""
    vectors = np.load(path, mmap_mode="r")
    n = len(vectors)
    centres = rng(0, "centres").normal(size=(DIMS, CLASSES)).astype(np.float32)
    frame = np.sort(rng(0, "frame").permutation(n)[:FRAME])
    logits = vectors[frame].astype(np.float32) @ centres
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = odds / odds.sum(axis=1, keepdims=True)
    left = np.setdiff1d(np.arange(n), frame)
    doubts = (rng(0, "doubts").random(len(left)) < 0.05).astype(np.float32)
    start = time.perf_counter()
    proxy = fit_proxy(vectors[frame], probs)
    rare = vectors[:100].astype(np.float32)
    rows = shortlist(vectors, left, doubts, rare, proxy, CANDIDATES, rng(0, "shortlist"))
    listed = time.perf_counter() - start
    points = vectors[rows].astype(np.float32)
    known = Labelled(points[:500], proxy.predict(points[:500]), np.arange(500) % CLASSES)
    candidates = Candidates(proxy.predict(points), points, labelled=known)
    chosen = Dbal().select(candidates, QUERY, rng(0, "select"))
    whole = time.perf_counter() - start
    assert len(chosen.rows) == QUERY
    assert len(scan(proxy, vectors, rows[:10])[0]) == 10
    return {"listed": round(listed, 2), "whole": round(whole, 2), "mib": peak_mib()}


def main():
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--of", type=Path)
    options = parser.parse_args()
    if options.of:
        import json

        print(json.dumps(a_round(options.of)))
        return
    rows = []
    for n in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "embeddings.npy"
            write(path, n).flush()
            found = in_child("--of", str(path))
        note = f"{DIMS} dims, {CLASSES} classes; shortlist of {CANDIDATES:,} in {found['listed']} s"
        note += f"; {found['mib']:,} MiB at most, the memory-mapped file's pages among them"
        rows.append(row(f"a round on {n:,} texts", found["whole"], None, "", "s", note))
    show("large_pool", rows, ["wsal", "numpy", "scikit-learn"])


if __name__ == "__main__":
    main()
