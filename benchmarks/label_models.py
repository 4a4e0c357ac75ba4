"""Label models beside Snorkel, crowd-kit and skweak: time, memory, accuracy and calibration.

python benchmarks/label_models.py [--speed] [--quality] [--long] [--data FOLDER] [--sets trec,sms]
"""

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
from label_model_peers import GOLD, MODELS, PEERS
from label_model_speed import child, speed, ten_million
from record import row, show
from rich.console import Console
from rich.table import Table
from weak_sets import (
    DATA,
    OWN,
    PUBLISHED,
    accuracy,
    calibration_error,
    covered,
    f1,
    guess,
    load,
    log_loss,
)

METRICS = ("train", "wrench", "test", "nll", "ece", "ece_50_gold")
HEADS = ("covered train", "WRENCH test", "covered test", "NLL", "ECE", "ECE, 50 gold", "s")
N_GOLD, SEEDS, NEARLY = 50, range(5), 0.05


def scores(weak_set, model):
    """Everything about one model on one set."""
    (on_train, on_test), seconds = model(
        weak_set.votes, weak_set.n_classes, (weak_set.votes, weak_set.test_votes)
    )
    has, test_has = covered(weak_set.votes), covered(weak_set.test_votes)
    guessed = guess(on_test)
    return {
        "train": accuracy(guess(on_train[has]), weak_set.truth[has]),
        "wrench": (f1 if weak_set.spam else accuracy)(guessed, weak_set.test_truth),
        "test": accuracy(guessed[test_has], weak_set.test_truth[test_has]),
        "nll": log_loss(on_train[has], weak_set.truth[has]),
        "ece": calibration_error(on_train[has], weak_set.truth[has]),
        "seconds": seconds,
    }


def with_gold(weak_set, model):
    """The mean ECE on covered texts beside 50 that were given as gold."""
    has, found = np.flatnonzero(covered(weak_set.votes)), []
    for seed in SEEDS:
        known = np.random.default_rng(seed).choice(has, min(N_GOLD, len(has) // 2), replace=False)
        gold = np.full(len(weak_set.truth), -1, dtype=np.int64)
        gold[known] = weak_set.truth[known]
        (probs,), _ = model(weak_set.votes, weak_set.n_classes, (weak_set.votes,), gold=gold)
        rest = np.setdiff1d(has, known)
        found.append(calibration_error(probs[rest], weak_set.truth[rest]))
    return statistics.mean(found)


def table_of(weak_set, without):
    """Scores by model; for a model that is left out or fails, the reason."""
    found, notes = {}, {}
    for name, model in MODELS.items():
        if name in without:
            notes[name] = "left out (--without)"
            continue
        try:
            found[name] = scores(weak_set, model)
            if name in GOLD:
                found[name]["ece_50_gold"] = with_gold(weak_set, model)
        except Exception as error:  # noqa: BLE001
            notes[name] = f"{type(error).__name__}: {str(error)[:80]}"
    return found, notes


def show_table(weak_set, found, notes):
    """One line a model."""
    has = covered(weak_set.votes).mean()
    rows, rules = weak_set.votes.shape
    title = f"{weak_set.name}: {rows:,} x {rules}, {weak_set.n_classes} classes, covered {has:.3f}"
    table = Table(title=title, title_justify="left")
    table.add_column("model")
    for head in HEADS:
        table.add_column(head, justify="right")
    for name, numbers in found.items():
        cells = [f"{numbers[m]:.3f}" if m in numbers else "" for m in METRICS]
        table.add_row(name, *cells, f"{numbers['seconds']:.2f}")
    for name, note in notes.items():
        table.add_row(name, note)
    Console(width=150).print(table)


def compared(weak_set, found):
    """The defaults of wsal and Snorkel, and the best peer, as rows of the record."""
    ours, theirs = found.get("wsal auto"), found.get("snorkel LabelModel")
    peers = {n: numbers for n, numbers in found.items() if n in PEERS}
    if not ours or not theirs:
        return
    for metric, head in zip(METRICS[:5], HEADS[:5], strict=True):
        less = metric in ("nll", "ece")
        best = best_peer(peers, metric, less=less)
        note = f"best peer: {best} {peers[best][metric]:.3f}"
        score = "F1" if metric == "wrench" and weak_set.spam else "accuracy"
        yield row(
            f"{weak_set.name}: {head}", round(ours[metric], 4), round(theirs[metric], 4),
            "snorkel LabelModel", head if less else score, note, less_is_better=less,
        )  # fmt: skip
    gold = ours.get("ece_50_gold")
    if gold is not None:
        name = best_peer(peers, "ece", less=True)
        what = f"{weak_set.name}: ECE with {N_GOLD} gold texts"
        note = "no peer calibrates by gold: the best of them without"
        yield row(what, round(gold, 4), round(peers[name]["ece"], 4), name, "ECE", note)


def best_peer(peers, metric, *, less):
    """The best by that metric.

    NLL and ECE measure probabilities: for them it is the best of those within `NEARLY` of
    the most accurate peer. A model at chance that says so is well calibrated but useless.
    """
    if not less:
        return max(peers, key=lambda n: peers[n][metric])
    bar = max(numbers["train"] for numbers in peers.values()) - NEARLY
    return min((n for n in peers if peers[n]["train"] >= bar), key=lambda n: peers[n][metric])


def quality(names, data, without):
    """All models on all sets."""
    rows, tables = [], {}
    for name in names:
        weak_set = load(name, data)
        if weak_set is None:
            print(f"{name}: skipped, not in {data} (give --data or WSAL_DATA)")
            continue
        found, notes = table_of(weak_set, without)
        show_table(weak_set, found, notes)
        tables[name] = found
        rows += compared(weak_set, found)
    return rows, tables


def arguments():
    """The command line's options."""
    parser = argparse.ArgumentParser()
    for name in ("speed", "quality", "long"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(PUBLISHED + OWN))
    parser.add_argument("--without", nargs="*", default=[], help="models to leave out, by name")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--save", type=Path, help="a file for rows and tables, as JSON")
    parser.add_argument("--child", nargs=3, help="model, texts, rules: one fit in its own process")
    return parser.parse_args()


def main():
    """Measure and show."""
    options = arguments()
    if options.child:
        print(json.dumps(child(options.child[0], *map(int, options.child[1:]))))
        return
    both = not (options.speed or options.quality or options.long)
    rows, tables = [], {}
    if options.quality or both:
        rows, tables = quality(options.sets.split(","), options.data, options.without)
    if options.speed or both:
        rows += speed(options.turns)
    if options.long:
        rows += ten_million()
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        options.save.write_text(json.dumps({"rows": rows, "tables": tables}, indent=1) + "\n")
    packages = ["wsal", "snorkel", "crowd-kit", "skweak", "torch", "numpy", "scipy", "pandas"]
    show("label_models", rows, packages)


if __name__ == "__main__":
    main()
