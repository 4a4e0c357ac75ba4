"""Libraries that could draw the map of a report: time, memory, and what a projection preserves.

pip install --target LIBS openTSNE umap-learn pacmap
python benchmarks/projections.py EMBEDDINGS.npy [--libs LIBS] [--ways wsal,opentsne]

Each way runs twice in a process of its own with two threads: first without compiled code of numba,
then with what the first time left. Seconds count from the first import to the last coordinate.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

THREADS, TEXTS, LANDMARKS, NEIGHBOURS, LOOKED_AT = 2, 20_000, 5_000, 15, 2_000


def reduced(vectors):
    """The 50 main components: what the slower methods start from."""
    from sklearn.decomposition import PCA

    return PCA(50, svd_solver="randomized", random_state=0).fit_transform(vectors)


def pca(vectors):
    """Two main components."""
    from sklearn.decomposition import PCA

    return PCA(2, svd_solver="randomized", random_state=0).fit_transform(vectors)


def sklearn_tsne(vectors):
    """t-SNE (Barnes-Hut) of scikit-learn."""
    from sklearn.manifold import TSNE

    return TSNE(init="pca", random_state=0, n_jobs=THREADS).fit_transform(reduced(vectors))


def opentsne(vectors):
    """t-SNE (interpolated by FFT) of openTSNE."""
    from openTSNE import TSNE

    return TSNE(random_state=0, n_jobs=THREADS, neighbors="auto").fit(reduced(vectors))


def umap(vectors):
    """UMAP, with a seed, and therefore on one thread."""
    from umap import UMAP

    return UMAP(random_state=0, n_jobs=1).fit_transform(reduced(vectors))


def pacmap(vectors):
    """PaCMAP."""
    from pacmap import PaCMAP

    return PaCMAP(random_state=0).fit_transform(reduced(vectors), init="pca")


def placed(vectors, project):
    """Part of the texts projected, the others placed among the five nearest of these."""
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    vectors = reduced(vectors)
    chosen = np.random.default_rng(0).permutation(len(vectors))[:LANDMARKS]
    points = np.asarray(project(vectors[chosen]), np.float64)
    finder = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(vectors[chosen])
    distances, nearest = finder.kneighbors(vectors)
    weights = 1 / (distances**2 + 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    result = (points[nearest] * weights[:, :, None]).sum(axis=1)
    result[chosen] = points
    return result


def wsal(vectors):
    """What the report uses."""
    import numpy as np

    from wsal.inspection.projection import main_components, project

    draw = np.random.default_rng(0)
    return project(main_components(vectors, draw), draw)


WAYS = {
    "pca": pca,
    "scikit-learn t-SNE": sklearn_tsne,
    "openTSNE": opentsne,
    "umap-learn": umap,
    "pacmap": pacmap,
    "scikit-learn t-SNE, 5,000 and placed": lambda v: placed(v, sklearn_tsne),
    "openTSNE, 5,000 and placed": lambda v: placed(v, opentsne),
    "umap-learn, 5,000 and placed": lambda v: placed(v, umap),
    "pacmap, 5,000 and placed": lambda v: placed(v, pacmap),
    "wsal": wsal,
}


def child(way, file, out):
    """Project the vectors in `file`, and print seconds, processor seconds and MiB."""
    start, used = time.perf_counter(), time.process_time()
    import numpy as np

    vectors = np.load(file).astype(np.float32)
    np.save(out, np.asarray(WAYS[way](vectors), np.float64))
    print(time.perf_counter() - start, time.process_time() - used, peak_mib())


def peak_mib():
    """The most memory this process held."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024


def kept(vectors, points):
    """Trustworthiness, and the share of the 15 nearest texts that stay the nearest, both on 2,000.

    Venna and Kaski (2001): 1 if no text is among the nearest in the projection that was not before.
    """
    import numpy as np

    rows = np.random.default_rng(1).permutation(len(vectors))[:LOOKED_AT]
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    n, k, penalty, shared = len(vectors), NEIGHBOURS, 0.0, 0
    for row in rows:
        far = -(unit @ unit[row])
        near = ((points - points[row]) ** 2).sum(axis=1)
        far[row] = near[row] = np.inf
        rank = np.empty(n, np.int64)
        rank[np.argsort(far, kind="stable")] = np.arange(1, n + 1)
        ranks = rank[np.argpartition(near, k)[:k]]
        penalty += np.maximum(ranks - k, 0).sum()
        shared += (ranks <= k).sum()
    trust = 1 - 2 * penalty / (len(rows) * k * (2 * n - 3 * k - 1))
    return trust, shared / (len(rows) * k)


def installed(name):
    """The version of a package; nothing if it is not there."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} missing"


def main():
    """Compare the ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("embeddings", type=Path)
    parser.add_argument("--libs", default="")
    parser.add_argument("--ways", default=",".join(WAYS).replace(", 5", "~5"))
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.embeddings, options.child[1])
        return
    import numpy as np

    vectors = np.load(options.embeddings, mmap_mode="r")
    rows = np.sort(np.random.default_rng(2).permutation(len(vectors))[:TEXTS])
    print(
        f"{len(rows):,} texts, {vectors.shape[1]} dimensions; {Path('/proc/loadavg').read_text()}"
    )
    print("| way | first s | again s | again, processor s | MiB | trustworthiness | 15-NN kept |")
    print("|---|---|---|---|---|---|---|")
    sys.path.insert(0, options.libs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors.npy"
        np.save(file, vectors[rows])
        for name in options.ways.split(","):
            way = name.replace("~5", ", 5")
            paths = [options.libs, os.environ.get("PYTHONPATH", "")]
            environment = os.environ | {
                "NUMBA_CACHE_DIR": f"{folder}/{way}".replace(" ", "_"),
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                **dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(THREADS)),
            }
            command = [sys.executable, __file__, str(file), "--child", way, f"{folder}/out.npy"]
            seconds = []
            for _ in range(2):
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=False
                )
                if done.returncode:
                    break
                seconds.append([float(x) for x in done.stdout.split()[-3:]])
            if done.returncode:
                print(f"| {way} | {done.stderr.splitlines()[-1][:150]} |", flush=True)
                continue
            (first, *_), (again, processor, mib) = seconds
            trust, shared = kept(np.load(file).astype(np.float32), np.load(f"{folder}/out.npy"))
            print(
                f"| {way} | {first:.1f} | {again:.1f} | {processor:.1f} | {mib:.0f} "
                f"| {trust:.3f} | {shared:.3f} |",
                flush=True,
            )
    print(*map(installed, ("scikit-learn", "openTSNE", "umap-learn", "pacmap")), sep=", ")


if __name__ == "__main__":
    main()
