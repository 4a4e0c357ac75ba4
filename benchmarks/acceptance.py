"""`wsal accept` and `wsal drift` on real titles, by simulation: guarantees, labels, what is found.

python benchmarks/acceptance.py [--data FOLDER] [--repeats 200]

The model is logistic regression on TF-IDF, calibrated on held-out texts. `peer` is a random sample
of the whole batch of a fixed size, tested once: the smallest for which the exact binomial test
passes with a probability of 90%, which only somebody who knows the precision could plan.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import polars as pl
from record import row, show
from rich.progress import track
from scipy.stats import binom
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from wsal.evaluation.parts import Goal, Parts, next_texts
from wsal.export.calibration import apply_temperature, fit_temperature
from wsal.serving.comparison import DRIFT, NONE, compare
from wsal.serving.summaries import summarise
from wsal.serving.words import Words

SETS = {"pricerunner": ("title", "category"), "fashion": ("title", "article_type"),
        "banking77": ("text", "label")}  # fmt: skip
TRAINED_ON = {"pricerunner": (300, 1_000, 8_000), "fashion": (1_000, 10_000),
              "banking77": (6_000,)}  # fmt: skip
BATCH, GOAL, BUDGET, NEW = 3_000, Goal(0.95, 0.05), 500, 1_000


class Exported:
    """What a summary needs to know of a model."""

    digest = "simulated"

    def __init__(self, labels):
        self.labels = tuple(labels)

    def abstains(self, classes, _probabilities):
        """None has a threshold."""
        return np.zeros(len(classes), bool)


def read(data, name):
    """Distinct texts in random order, and their classes."""
    text, label = SETS[name]
    frame = pl.read_parquet(data / f"{name}.parquet").select(
        text=pl.col(text), label=pl.col(label).cast(pl.String)
    )
    frame = frame.drop_nulls().unique("text", keep="first", maintain_order=True)
    frame = frame.sample(fraction=1, shuffle=True, seed=0)
    return frame["text"], frame["label"].to_numpy()


def predictions(texts, gold, train, calibrate, rest):
    """Classes of a model, and its calibrated probabilities for the texts at `rest`."""
    vectors = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=1)
    seen = vectors.fit_transform(texts.gather(train).to_list())
    model = LogisticRegression(C=30.0, max_iter=300).fit(seen, gold[train])
    names = model.classes_.tolist()
    number = {label: place for place, label in enumerate(names)}
    held = [at for at in calibrate if gold[at] in number]
    before = model.predict_proba(vectors.transform(texts.gather(held).to_list()))
    classes = np.array([number[gold[at]] for at in held])
    temperature = fit_temperature(before.astype(np.float32), classes, np.ones(len(held)))
    probs = model.predict_proba(vectors.transform(texts.gather(rest).to_list()))
    return names, apply_temperature(probs.astype(np.float32), temperature)


def accept(confidence, right, rng, goal=GOAL):
    """The labels spent, the share released, and the precision of that part (1 if it is empty)."""
    parts = Parts.of(confidence, rng)
    known = np.full(len(right), np.nan)
    while True:
        left = BUDGET - int(np.isfinite(known).sum())
        rows, verdict = next_texts(parts, known, goal, 5, 50, left)
        if not len(rows):
            break
        known[rows] = right[rows]
    released = parts.part < verdict.n_released
    precision = right[released].mean() if released.any() else 1.0
    return int(np.isfinite(known).sum()), released.mean(), precision


def fixed_size(precision):
    """The smallest sample that passes the exact binomial test with a probability of 90%."""
    for n in range(59, 20_000):
        wrong = int(binom.ppf(GOAL.error, n, 1 - GOAL.precision)) - 1
        if binom.cdf(wrong, n, 1 - precision) >= 0.9:
            return n
    return None


def possible(confidence, right):
    """The largest share of most confident predictions whose precision is high enough."""
    ordered = right[np.argsort(-confidence, kind="stable")]
    share = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    good = np.flatnonzero(share >= GOAL.precision)
    return (good[-1] + 1) / len(ordered) if len(good) else 0.0


def acceptance_rows(texts, gold, name, repeats):
    """Rows: labels and released shares of batches of different quality."""
    for n_train in TRAINED_ON[name]:
        train, calibrate = np.arange(n_train), np.arange(n_train, n_train + 500)
        rest = np.arange(n_train + 500, len(texts))
        names, probs = predictions(texts, gold, train, calibrate, rest)
        right = np.array(names)[probs.argmax(axis=1)] == gold[rest]
        confidence, made, best = probs.max(axis=1), [], []
        for repeat in track(range(repeats), f"{name}, {n_train}", transient=True):
            rng = np.random.default_rng(repeat)
            rows = rng.choice(len(rest), min(BATCH, len(rest)), replace=False)
            made.append(accept(confidence[rows], right[rows].astype(float), rng))
            best.append(possible(confidence[rows], right[rows]))
        labels, released, precision = np.array(made).T
        passes = right.mean() > GOAL.precision + 0.005
        note = (
            f"accuracy {right.mean():.3f}; released {released.mean():.2f} of the batch, possible "
        )
        note += (
            f"{np.mean(best):.2f}; precision too low in {(precision < GOAL.precision).mean():.3f}"
        )
        note += f" of {repeats}; at most {BUDGET} labels"
        yield row(f"{name}, trained on {n_train:,}: labels to accept {BATCH:,}",
                  round(float(labels.mean())), fixed_size(right.mean()) if passes else None,
                  "fixed size, precision known", "labels", note)  # fmt: skip


def worst_rows(repeats):
    """Rows: how often a batch just below the precision is released."""
    kinds = {
        "all parts just below": np.full(10, 0.9495),
        "good at first, the whole just below": np.r_[np.full(5, 1.0), np.full(5, 0.899)],
        "a bad second fifth": np.r_[1, 1, 0.85, 0.9, np.full(6, 0.95)],
    }
    for kind, shares in kinds.items():
        right = np.concatenate([np.arange(200) < round(200 * share) for share in shares])
        confidence = np.linspace(0.99, 0.3, 2_000)
        made = [
            accept(confidence, right.astype(float), np.random.default_rng(repeat))[2]
            for repeat in track(range(repeats), kind, transient=True)
        ]
        bad = float((np.array(made) < GOAL.precision).mean())
        yield row(f"releases that are not good enough: {kind}", round(bad, 4), None, "",
                  f"share of {repeats}", f"stated: at most {GOAL.error}")  # fmt: skip


def good_rows(repeats):
    """Rows: labels until a batch that is good enough is released, however confident the model."""
    for precision in (1.0, 0.99, 0.98, 0.97):
        right = (np.arange(BATCH) < round(precision * BATCH)).astype(float)
        made = []
        for repeat in track(range(repeats), f"precision {precision}", transient=True):
            rng = np.random.default_rng(repeat)
            confidence = rng.permutation(np.linspace(0.3, 0.99, BATCH))
            made.append(accept(confidence, right, rng))
        labels, released, _ = np.array(made).T
        share = float(released.mean())
        peer = fixed_size(precision) if share >= 0.85 else None  # else it spent fewer, in vain
        note = f"released {share:.2f} of it; at most {BUDGET} labels"
        yield row(f"a batch of {BATCH:,} with a precision of {precision}: labels to accept it",
                  round(float(labels.mean())), peer, "fixed size, precision known", "labels",
                  note)  # fmt: skip


def drift_rows(texts, gold, name, other, repeats):
    """Rows: false alarms, and how often a new class, other shares, another language are found."""
    classes, counts = np.unique(gold, return_counts=True)
    usual = classes[np.argsort(-counts)[3]]
    inside, outside = np.flatnonzero(gold != usual), np.flatnonzero(gold == usual)
    n_train = min(TRAINED_ON[name][-1], len(inside) // 3)
    train, held, rest = np.split(inside, [n_train, n_train + 2_500])
    calibrate, reference = held[:500], held[500:]
    shown = np.concatenate([reference, rest, outside])
    all_texts = pl.concat([texts.gather(shown), other[:NEW]])
    names, probs = predictions(
        pl.concat([texts, other[:NEW]]), np.append(gold, [""] * NEW), train, calibrate,
        np.append(shown, len(texts) + np.arange(len(other[:NEW]))),
    )  # fmt: skip
    model, words = Exported(names), Words.of(texts.gather(train))
    best = probs.argmax(axis=1), probs.max(axis=1)

    def summary(rows):
        of_rows = all_texts.gather(rows)
        return summarise(model, words, of_rows, best[0][rows], best[1][rows])

    n_reference, n_rest = len(reference), len(rest)
    first = summary(np.arange(n_reference))
    usual_rows = np.arange(n_reference, n_reference + n_rest)
    new_rows = np.arange(n_reference + n_rest, n_reference + n_rest + len(outside))
    other_rows = np.arange(len(shown), len(all_texts))
    common = np.isin(gold[rest], classes[np.argsort(-counts)[:1]])
    heavy = np.where(common, 3.0, 1.0) / np.where(common, 3.0, 1.0).sum()

    def mixed(rng, rows, share):
        n = min(int(NEW * share), len(rows))
        usual = rng.choice(usual_rows, min(NEW, n_rest) - n, replace=False)
        return np.concatenate([usual, rng.choice(rows, n, replace=False)])

    kinds = {
        "no drift": lambda rng: mixed(rng, new_rows, 0),
        **{
            f"{share:.0%} of a new class": lambda rng, share=share: mixed(rng, new_rows, share)
            for share in (0.05, 0.1, 0.2)
            if NEW * share <= len(new_rows)
        },
        "10% of other texts": lambda rng: mixed(rng, other_rows, 0.1),
        "three times as much of the largest class": lambda rng: rng.choice(
            usual_rows, min(NEW, n_rest // 3), replace=False, p=heavy
        ),
    }
    for kind, draw in kinds.items():
        verdicts = [
            compare(first, [("", summary(draw(np.random.default_rng(repeat))))])[0].verdict
            for repeat in track(range(repeats), f"{name}: {kind}", transient=True)
        ]
        alarms = float(np.mean([verdict != NONE for verdict in verdicts]))
        drift = float(np.mean([verdict == DRIFT for verdict in verdicts]))
        yield row(f"{name}: {kind}, found in {NEW:,} texts", round(alarms, 3), None, "",
                  f"share of {repeats}", f"drift {drift:.2f}, else a slight change")  # fmt: skip


def main():
    """Simulate and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("WSAL_DATA", ".")))
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    rows = [*worst_rows(options.repeats), *good_rows(options.repeats)]
    for name in SETS:
        if not (options.data / f"{name}.parquet").exists():
            print(f"{name}: skipped, not in {options.data} (give --data or WSAL_DATA)")
            continue
        texts, gold = read(options.data, name)
        other = read(options.data, "banking77" if name != "banking77" else "fashion")[0]
        rows += acceptance_rows(texts, gold, name, options.repeats)
        rows += drift_rows(texts, gold, name, other, options.repeats)
    show("acceptance", rows, ["wsal", "numpy", "scipy", "scikit-learn"])


if __name__ == "__main__":
    main()
