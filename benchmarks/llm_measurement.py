"""How much the answers of a language model narrow the intervals of an evaluation sample.

python benchmarks/llm_measurement.py      the recorded answers in WSAL_DATA/llm_answers

The texts with a recorded answer are the frame, and a linear classifier on TF-IDF is measured.
"""

import numpy as np
import polars as pl
from product_texts import DATA
from record import row, show
from rich.progress import track
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from wsal.evaluation.estimates import accuracy, macro_f1
from wsal.evaluation.sample import Auxiliary, Sample
from wsal.evaluation.sampling import NO_ROWS, strata, top_up

SETS = {"bigbasket": ("sub_category", ("title", "brand")), "fashion": ("article_type", ("title",))}
TRAINED_ON, LABELS, TIMES, MOST_STRATA = (600, 3_000), 100, 100, 25
SHARPER = 1.5  # times the logits: this classifier states too little confidence, others too much
METRICS = {"accuracy": accuracy, "macro-F1": macro_f1}


def world(name, n_train):
    """Probabilities, gold, answers and their confidence for all texts with a recorded answer."""
    column, texts = SETS[name]
    rows = pl.read_parquet(DATA / f"{name}.parquet")
    recorded = pl.read_parquet(DATA / "llm_answers" / f"{name}.parquet")
    text = rows.select(pl.concat_str(*texts, separator=" | ", ignore_nulls=True)).to_series()
    gold = rows[column].cast(pl.String)
    others = (rows["split"] == "train") & gold.is_not_null()
    others = np.setdiff1d(np.flatnonzero(others), recorded["row"].to_numpy())
    train = np.random.default_rng(0).permutation(others)[:n_train]
    named = pl.concat([gold[recorded["row"]], recorded["answer"].drop_nulls(), gold[train]])
    place = {label: n for n, label in enumerate(sorted(named.unique()))}
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    fitted = LogisticRegression(C=30, max_iter=300).fit(
        vectorizer.fit_transform(text[train]), [place[label] for label in gold[train]]
    )
    logits = np.full((len(recorded), len(place)), -12.0)
    known = fitted.predict_log_proba(vectorizer.transform(recorded["text"]))
    logits[:, fitted.classes_] = np.maximum(known, -12)
    odds = np.exp(SHARPER * (logits - logits.max(axis=1, keepdims=True)))
    probs = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    answers = [-1 if label is None else place[label] for label in recorded["answer"]]
    right = np.array([place[label] for label in gold[recorded["row"]]])
    return probs, right, np.array(answers), recorded["confidence"].to_numpy() / 100


def measured(sample, probs, truth, time):
    """For each metric: the error, the width of the interval, and whether it held."""
    estimates = [f(sample, probs, np.random.default_rng(time)) for f in METRICS.values()]
    return [
        (e.value - t, e.high - e.low, e.low <= t <= e.high)
        for e, t in zip(estimates, truth, strict=True)
    ]


def compare(name, n_train):
    """Rows: the width of intervals with answers to all texts, or to some, and without."""
    probs, gold, answers, confidence = world(name, n_train)
    stratum, predicted = strata(probs, MOST_STRATA), probs.argmax(axis=1)
    f1 = f1_score(gold, predicted, labels=np.unique(gold), average="macro", zero_division=0)
    truth = (float((predicted == gold).mean()), float(f1))
    n = len(gold)
    ways = {"none": (0, False), f"all {n}": (n, True)}
    ways |= {f"{some}, labelled first": (some, True) for some in (500, 250)}
    ways["250, labelled at random"] = (250, False)
    results = {way: [] for way in ways}
    for time in track(range(TIMES), f"{name}, {n_train}", transient=True):
        order = np.random.default_rng(10_000 + time).permutation(n)
        for way, (n_asked, is_first) in ways.items():
            asked = np.isin(np.arange(n), order[:n_asked])
            first = order[:n_asked] if is_first else NO_ROWS
            rows = top_up(stratum, probs, LABELS, NO_ROWS, np.random.default_rng(time), first)
            auxiliary = Auxiliary(asked, np.where(asked, answers, -1), confidence)
            sample = Sample(rows, gold[rows], stratum, auxiliary=auxiliary if n_asked else None)
            results[way].append(measured(sample, probs, truth, time))
    right = float((answers == gold).mean())
    for place, metric in enumerate(METRICS):
        width, error, held = {}, {}, {}
        for way, estimates in results.items():
            errors, widths, inside = np.array(estimates)[:, place].T
            width[way], error[way] = widths.mean(), np.sqrt((errors**2).mean())
            held[way] = inside.mean()
        for way in list(ways)[1:]:
            note = f"true {truth[place]:.3f}, language model right on {right:.3f}; error "
            note += f"{error[way]:.4f}, without {error['none']:.4f}; 90% interval held "
            note += f"{held[way]:.2f}, without {held['none']:.2f}; {LABELS} labels, {TIMES} samples"
            what = f"{name}, trained on {n_train}: {metric}, asked about {way}"
            yield row(what, round(width[way], 4), round(width["none"], 4), "without answers",
                      "width of the interval", note)  # fmt: skip


def main():
    """Measure and show."""
    rows = [line for name in SETS for n in TRAINED_ON for line in compare(name, n)]
    show("llm_measurement", rows, ["wsal", "numpy", "scikit-learn"])


if __name__ == "__main__":
    main()
