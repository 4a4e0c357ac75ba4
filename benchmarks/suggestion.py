"""Suggested rules beside hand-written ones: coverage and accuracy on unseen texts.

python benchmarks/suggestion.py [--data FOLDER] [--sets pricerunner,catalog]
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from hydra import compose, initialize_config_dir
from record import row, show, timed
from weak_sets import DATA, OWN

from wsal.artifacts import Artifact
from wsal.commands.rules_suggest import gather
from wsal.config.composed import check, rules_in
from wsal.label_models.auto import Auto
from wsal.labels import LabelSet
from wsal.presets import CONF_DIR
from wsal.rules.voting import collect_votes
from wsal.run.pipeline import run_stage
from wsal.suggestion.proposals import to_yaml
from wsal.suggestion.suggest import suggest

GOLD, SEEDS, PRECISION = (0, 100, 300), range(5), 0.9
SHARED = 2000  # an n-gram must be in one of so many texts of the pool, as in the command


def prepared(name, data, folder):
    """A run whose pool is made, and the rules written by hand."""
    path = [] if name == "catalog" else [f"data.path={data / name}.parquet"]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        config = compose("config", overrides=[f"data={name}", f"rules={name}", *path])
    run = check(config)
    run_stage(folder, "prepare", run.components)
    return run.components["rules"]


def scores(rules, pool, test, labels):
    """Share of test texts that get a vote, and of these, share that `auto` labels right."""
    on_pool, on_test = (collect_votes(rules, table, labels) for table in (pool, test))
    covered = (on_test >= 0).any(axis=1)
    guessed = Auto().fit(on_pool, len(labels)).predict_proba(on_test).argmax(axis=1)
    right = guessed == test["label"].to_numpy()
    return float(covered.mean()), float(right[covered].mean())


def suggested(folder, n_gold, seed):
    """The rules as they are read back from the YAML that is proposed, and the seconds."""
    known = gather(folder, n_gold, seed).texts
    made, seconds = timed(lambda: suggest(known, PRECISION, max(5, len(known.gold) // SHARED)))
    file = folder / "suggested.yaml"
    file.write_text(to_yaml([*made.names, *made.terms]) + "\n")
    return rules_in(file)[0] if made.names or made.terms else {}, seconds


def compare(name, data):
    """The rows of one set."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        by_hand = prepared(name, data, folder)
        pool = Artifact.open(folder / "pool")
        labels = LabelSet(tuple(pool.facts["labels"]))
        tables = [pl.read_parquet(pool.path / f"{split}.parquet") for split in ("pool", "test")]
        hand = scores(by_hand, *tables, labels)
        for n_gold in GOLD:
            found = []
            for seed in SEEDS if n_gold else (0,):
                rules, seconds = suggested(folder, n_gold, seed)
                score = scores(rules, *tables, labels) if rules else (0.0, None)
                found.append((*score, len(rules), seconds))
            rows += table_rows(name, n_gold, hand, found)
    return rows


def table_rows(name, n_gold, hand, found):
    """Coverage and accuracy, each beside the hand-written set's."""
    coverage = [one[0] for one in found]
    accuracy = [one[1] for one in found if one[1] is not None]
    rules = statistics.median(one[2] for one in found)
    note = f"{rules:.0f} rules, {statistics.median(one[3] for one in found):.1f} s; n={len(found)}"
    spread = f"{min(coverage):.3f}-{max(coverage):.3f}; "
    rows = [
        row(f"{name}, {n_gold} gold: coverage", round(float(np.mean(coverage)), 4),
            round(hand[0], 4), "by hand", "share", spread + note, less_is_better=False)
    ]  # fmt: skip
    if accuracy:
        spread = f"{min(accuracy):.3f}-{max(accuracy):.3f}"
        rows.append(
            row(f"{name}, {n_gold} gold: accuracy", round(float(np.mean(accuracy)), 4),
                round(hand[1], 4), "by hand", "share", spread, less_is_better=False)
        )  # fmt: skip
    return rows


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(OWN))
    options = parser.parse_args()
    rows = []
    for name in options.sets.split(","):
        if name == "catalog" or (options.data / f"{name}.parquet").exists():
            rows += compare(name, options.data)
        else:
            print(f"{name}: no file in {options.data}, left out")
    show("suggestion", rows, ["wsal", "numpy", "polars", "scikit-learn"])


if __name__ == "__main__":
    main()
