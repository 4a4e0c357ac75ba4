"""Which query strategy earns its place? Each of conf/strategy beside random, margin and DBAL.

python benchmarks/strategies.py [--sets pricerunner,bigbasket] [--strategies margin,...] [--seeds 3]

The learner is a head on fixed features, not a fine-tuned encoder: each round fits the last layer on
all gold so far and, with rules, on replayed weak labels (as finetune=probe does). What differs
between strategies under full fine-tuning can be larger.

Each finished learning curve is written to --out at once: a run that was stopped goes on from there.
"""

import argparse
import json
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from fixed_features import load
from gpu import machine
from product_texts import DATA, ROOT
from record import cpu, show
from strategy_report import compare, key_of, print_table, read_lines
from weak_sets import plain

from wsal.active.candidates import Candidates, Labelled
from wsal.active.proxy import fit_proxy
from wsal.active.shortlist import Search, chosen, rare_rows, search
from wsal.active.wrappers import candidate_sizes
from wsal.building import build
from wsal.evaluation.metrics import evaluate
from wsal.seeding import rng

RESULTS = Path(__file__).parent / "results"
NAMES = sorted(path.stem for path in (ROOT / "conf/strategy").glob("*.yaml"))
ROUNDS = (50, 100, 200, 350, 500)  # gold labels
N_CANDIDATES, N_FRAME = 5_000, 5_000  # as active.max_candidates and evaluation.frame
STEPS, BATCH_SIZE = 200, 32  # as in conf/finetune: half of each batch is gold, half replayed


def probabilities(head, features):
    """Classes of each text by a head `(classes, width + 1)`, `(texts, classes)`."""
    logits = features @ head[:, :-1].T + head[:, -1]
    logits -= logits.max(axis=1, keepdims=True)
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def fit_head(start, features, targets, weights, pull):
    """The head of least weighted cross entropy plus `pull` times its squared distance to `start`.

    The same loss and solver as `wsal.classifier.head.fit_last_layer`.
    """
    head = torch.tensor(start, requires_grad=True)
    fixed, inputs, wanted = torch.tensor(start), torch.tensor(features), torch.tensor(targets)
    share = torch.tensor((weights / weights.sum()).astype(np.float32))
    solver = torch.optim.LBFGS([head], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        solver.zero_grad()
        logits = torch.nn.functional.linear(inputs, head[:, :-1], head[:, -1])
        losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        total = (losses * share).sum() + pull * ((head - fixed) ** 2).sum()
        total.backward()
        return total

    solver.step(loss)
    return head.detach().numpy()


def trained(fixed, start, known, draw):
    """The head after a round with these texts labelled."""
    n_classes = len(fixed.labels)
    gold = np.eye(n_classes, dtype=np.float32)[fixed.gold[known]]
    if fixed.weak is None:
        return fit_head(
            start, fixed.features[known], gold, np.ones(len(known)), fixed.pull / len(known)
        )
    n_each = STEPS * BATCH_SIZE // 2
    usable = np.setdiff1d(np.flatnonzero(fixed.weak.max(axis=1) > 0), known)
    drawn = draw.permutation(usable)[:n_each]
    confidence = fixed.weak[drawn].max(axis=1)
    counts = np.full(len(known), n_each / len(known))
    repeats = n_each / len(drawn)
    weights = fixed.replay_weight * repeats * confidence / confidence.mean()
    return fit_head(
        start, fixed.features[np.concatenate([known, drawn])],
        np.concatenate([gold, fixed.weak[drawn]]), np.concatenate([counts, weights]), fixed.pull,
    )  # fmt: skip


def candidates(fixed, head, known, frame, strategy, draw):
    """Candidates as `wsal select` makes them, and their rows in the pool."""
    taken = np.union1d(known, frame).astype(np.int64)
    n_random, n_unsure = candidate_sizes(strategy, len(known), N_CANDIDATES)
    wanted = Search(n_unsure, int(draw.integers(2**31)), taken, n_drawn=n_random)
    if n_unsure:
        wanted = replace(
            wanted,
            proxy=fit_proxy(fixed.embeddings[frame], probabilities(head, fixed.features[frame])),
            rare=fixed.embeddings[known[rare_rows(fixed.gold[known])]] if len(known) else None,
        )
    listed, drawn = chosen(wanted, search(wanted, fixed.embeddings))
    rows = np.union1d(drawn, listed)
    labelled = Labelled(
        fixed.embeddings[known], probabilities(head, fixed.features[known]), fixed.gold[known]
    )
    made = Candidates(
        probabilities(head, fixed.features[rows]),
        fixed.embeddings[rows],
        labelled=labelled,
        groups=fixed.groups[rows],
        drawn=np.isin(rows, drawn) if n_random and n_unsure else None,
    )
    return made, rows


def curve(fixed, strategy, seed):
    """Test macro-F1 and the seconds of the query after each round, as `(n_gold, numbers)`."""
    n_classes, width = len(fixed.labels), fixed.features.shape[1]
    fresh = rng(seed, "head").normal(0, 0.02, (n_classes, width + 1))
    start = fixed.head if fixed.head is not None else fresh.astype(np.float32)
    pool = rng(seed, "frame").permutation(len(fixed.gold))
    frame, known, head = pool[: min(N_FRAME, len(pool) // 5)], pool[:0], start
    for number, n_gold in enumerate(ROUNDS, 1):
        draw = rng(seed, "shortlist", number)
        offered, rows = candidates(fixed, head, known, frame, strategy, draw)
        begun = time.perf_counter()
        selection = strategy.select(offered, n_gold - len(known), rng(seed, "select", number))
        seconds = time.perf_counter() - begun
        known = np.concatenate([known, rows[selection.rows]])
        head = trained(fixed, start, known, rng(seed, "replay", number))
        found = evaluate(
            probabilities(head, fixed.test_features), fixed.test_gold, fixed.test_weights,
            fixed.labels,
        )  # fmt: skip
        quality = {name: round(found[name], 4) for name in ("macro_f1", "accuracy")}
        yield n_gold, quality | {"query_seconds": round(seconds, 3)}


def measure(options):
    """Draw the learning curves that are not in --out yet."""
    versions = {name: version(name) for name in ("wsal", "torch", "numpy", "scikit-learn")}
    versions["machine"] = f"{cpu()}; {machine()}"
    done = {key_of(line) for line in read_lines(options.out)}
    for name in options.sets.split(","):
        settings = load(name, options.data, options.work)
        if settings is None:
            print(f"{name}: skipped, not in {options.data} (give --data or WSAL_DATA)")
            continue
        for seed in range(options.seeds):
            for strategy in options.strategies.split(","):
                for setting, fixed in settings.items():
                    key = (name, setting, strategy, seed)
                    if key in done:
                        continue
                    built = build(plain(ROOT / f"conf/strategy/{strategy}.yaml"), "strategy")
                    points = dict(curve(fixed, built, seed))
                    named = dict(zip(("set", "setting", "strategy", "seed"), key, strict=True))
                    lines = [named | {"n_gold": n} | p | versions for n, p in points.items()]
                    with options.out.open("a") as out:
                        out.writelines(json.dumps(line) + "\n" for line in lines)
                    scores = " ".join(f"{p['macro_f1']:.3f}" for p in points.values())
                    print(*key, scores, flush=True)


def main():
    """Measure what is missing, and show everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default="pricerunner,bigbasket")
    parser.add_argument("--strategies", default=",".join(NAMES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "strategies.jsonl")
    parser.add_argument("--work", type=Path, default=Path("runs") / "bench-strategies")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    measure(options)
    lines = read_lines(options.out)
    print_table(lines)
    show("strategies", list(compare(lines)), ["wsal", "torch", "numpy", "scikit-learn"])


if __name__ == "__main__":
    main()
