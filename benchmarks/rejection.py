"""Texts of no class: how well each method finds them, on classes that are left out.

    python benchmarks/rejection.py EMBEDDINGS [--gold 400] [--none 20] [--seeds 5] [--unseen]

`EMBEDDINGS` is a folder with SET.npy, the unit embeddings of a text encoder, and SET.parquet, the
rows they belong to, with the columns `text`, `split` and the class. A quarter of the classes is
left out. Some texts of the others have gold labels; some texts of the left-out classes were
answered "none of these" (with 0, the method is chosen by leaving further classes out). All methods
are measured on the test split, and so are the one that wsal chooses and the one with the largest
cross-validated AUROC.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl

from wsal.arrays import Classes, Embeddings
from wsal.classifier.rejection import Rejection
from wsal.evaluation.rejection import auroc, fpr95
from wsal.rounds.rejection import learn_rejection
from wsal.rounds.rejection_methods import Answered
from wsal.seeding import rng

SETS = {"pricerunner": "category", "fashion": "article_type", "banking77": "label"}
FEWEST = 40  # texts of a class
LEFT_OUT = 0.25  # share of the classes
TESTED = 4_000  # texts of the test split, at most


def read(folder: Path, name: str) -> tuple[Embeddings, Classes, np.ndarray]:
    """Embeddings, classes and splits of distinct texts of classes that are not tiny."""
    rows = pl.read_parquet(folder / f"{name}.parquet").with_columns(
        label=pl.col(SETS[name]).cast(pl.String)
    )
    vectors = np.load(folder / f"{name}.npy").astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = rows["text"].is_first_distinct() & (rows.select(pl.len().over("label"))["len"] >= FEWEST)
    rows, vectors = rows.filter(kept), vectors[kept.to_numpy()]
    classes = np.unique(rows["label"].to_numpy(), return_inverse=True)[1]
    return vectors, classes, rows["split"].to_numpy()


def run(
    vectors: Embeddings,
    classes: Classes,
    split: np.ndarray,
    n_gold: int,
    n_none: int,
    seed: int,
    *,
    unseen: bool,
) -> dict[str, tuple[float, float]]:
    """AUROC and FPR95 of each method on the test split."""
    draw = rng(seed, "left-out classes")
    names = draw.permutation(classes.max() + 1)
    outside = names[: max(2, round(LEFT_OUT * len(names)))]
    left_out = np.isin(classes, outside)
    answered_none = np.isin(classes, outside[::2]) if unseen else left_out
    train, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
    gold = draw.choice(train[~left_out[train]], n_gold, replace=False)
    none = draw.choice(train[answered_none[train]], n_none, replace=False)
    test = draw.permutation(test[~(left_out & answered_none)[test]] if unseen else test)[:TESTED]
    answered = Answered(vectors[gold], classes[gold], vectors[none])
    learned = learn_rejection(answered, rng(seed, "rejection"))
    if learned is None:
        raise SystemExit("too few texts with a class")
    methods = {name: Rejection(name, arrays) for name, arrays in learned.fitted.items()}
    methods["chosen"] = learned.rejection
    largest = max(learned.aurocs, key=lambda name: learned.aurocs[name])
    methods["largest AUROC"] = methods[largest]
    results = {}
    for name, rejection in methods.items():
        scores = rejection.scores(vectors[test])
        results[name] = auroc(scores, left_out[test]), fpr95(scores, left_out[test])
    return results


def main() -> None:
    """Print a line of JSON for each set and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    for name, usual in (("gold", 400), ("none", 20), ("seeds", 5)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument(
        "--unseen",
        action="store_true",
        help="texts of no class are of other classes than those that were answered so",
    )
    options = parser.parse_args()
    for name in SETS:
        data = read(options.folder, name)
        runs = [
            run(*data, options.gold, options.none, seed, unseen=options.unseen)
            for seed in range(options.seeds)
        ]
        for method in dict.fromkeys(method for made in runs for method in made):
            values = np.array([made[method] for made in runs if method in made])
            print(json.dumps({
                "set": name, "method": method, "gold": options.gold, "none": options.none,
                "unseen": options.unseen,
                "splits": len(values), "auroc": round(values[:, 0].mean(), 4),
                "lowest": round(values[:, 0].min(), 4), "highest": round(values[:, 0].max(), 4),
                "fpr95": round(values[:, 1].mean(), 4),
            }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
