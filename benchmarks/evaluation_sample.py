"""How well few labels measure quality: wsal's evaluation sample beside a simple random one.

python benchmarks/evaluation_sample.py RUN [--rounds 2]      a run whose pool has gold
"""

import argparse
from pathlib import Path

import numpy as np
from record import row, show
from rich.progress import track
from sklearn.metrics import f1_score

from wsal import schemas, tables
from wsal.artifacts import Artifact
from wsal.evaluation.estimates import accuracy, gain, macro_f1
from wsal.evaluation.sample import Sample
from wsal.evaluation.sampling import top_up
from wsal.rounds.evaluation_frame import frame_probs, read_frame
from wsal.run.pipeline import folder
from wsal.run.stage_table import STAGES
from wsal.seeding import rng

TIMES, SIZES, WAYS = 200, (100, 300), ("wsal", "random", "gain")


def truth_of(predicted, gold):
    """Accuracy and macro-F1 of predictions, all gold known."""
    f1 = f1_score(gold, predicted, labels=np.unique(gold), average="macro", zero_division=0.0)
    return {"accuracy": float((predicted == gold).mean()), "macro_f1": float(f1)}


def compare(run_dir, number):
    """Rows: the root mean square error of each, for accuracy and macro-F1."""
    pool, embeddings = Artifact.open(run_dir / "pool"), Artifact.open(run_dir / "embeddings")
    classifier = Artifact.open(folder(run_dir, STAGES["finetune"].writes, number))
    gold_of = dict(tables.read(pool.path / "gold.parquet", schemas.GOLD).iter_rows())
    frame = read_frame(pool, Artifact.open(folder(run_dir, STAGES["select"].writes, 1)))
    ids = tables.take(pool.path / "pool.parquet", frame.rows)["id"]
    gold = np.array([gold_of[row_id] for row_id in ids], dtype=np.int64)
    first = frame_probs(embeddings, Artifact.open(run_dir / "pretrained"), frame)
    predicted = frame_probs(embeddings, classifier, frame)
    stratum, true = frame.stratum, truth_of(predicted.argmax(axis=1), gold)
    before = truth_of(first.argmax(axis=1), gold)
    for n in SIZES:
        errors = {(way, m): [] for way in WAYS for m in true}
        inside = {key: [] for key in errors}
        for time in track(range(TIMES), f"{n} labels", transient=True):
            draw = rng(time, "sample", n)
            rows = top_up(stratum, first, n, np.empty(0, np.int64), draw)
            sample = Sample(rows, gold[rows], stratum)
            for name, estimate in (("accuracy", accuracy), ("macro_f1", macro_f1)):
                found = estimate(sample, predicted, draw)
                errors["wsal", name].append(found.value - true[name])
                inside["wsal", name].append(found.low <= true[name] <= found.high)
                more = gain(sample, first, predicted, name, draw)
                errors["gain", name].append(more.value - (true[name] - before[name]))
                inside["gain", name].append(more.low <= true[name] - before[name] <= more.high)
            simple = draw.permutation(len(frame.rows))[:n]
            plain = truth_of(predicted[simple].argmax(axis=1), gold[simple])
            for name in true:
                errors["random", name].append(plain[name] - true[name])
        for name, value in true.items():
            off = {w: float(np.sqrt(np.mean(np.square(errors[w, name])))) for w in WAYS}
            note = f"true {value:.4f}; bias {np.mean(errors['wsal', name]):+.4f}; "
            note += f"90% interval held {np.mean(inside['wsal', name]):.2f}; paired gain: error "
            note += f"{off['gain']:.4f}, held {np.mean(inside['gain', name]):.2f}; {TIMES} samples"
            yield row(f"{run_dir.name}, round {number}: {name} from {n} labels",
                      round(off["wsal"], 4), round(off["random"], 4), "simple random sample",
                      "root mean square error", note)  # fmt: skip


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path, nargs="+")
    parser.add_argument("--rounds", default="2")
    options = parser.parse_args()
    rows = []
    for run_dir in options.run:
        for number in options.rounds.split(","):
            rows += compare(run_dir, int(number))
    show("evaluation_sample", rows, ["wsal", "numpy", "scikit-learn"])


if __name__ == "__main__":
    main()
