"""Several labels per text: wsal and one-vs-rest scikit-learn, on the same votes of keyword rules.

python benchmarks/multilabel.py DATA.parquet [--out FOLDER] [--rounds 5] [--size 40] [--seed 0]
    [SETTING=VALUE ...]

The texts are Debian packages (title and the beginning of the description), and the labels the
commonest debtags; or titles of the Fashion set, whose labels are the commonest values of five
columns. Rules are keywords that were written from the names of the labels alone. wsal
runs with an oracle; scikit-learn trains a logistic regression for each tag on embeddings of the
same encoder, from the majority vote of the same votes, and then with the same gold labels. Both
have thresholds of 0.5, and those with the best F1 to be expected; see `f1_thresholds`.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from multilabel_fashion import COLUMNS, LABELS
from multilabel_rules import TAGS
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression

from wsal import tables
from wsal.annotation.multilabel_answers import answered_sets
from wsal.artifacts import Artifact
from wsal.classifier.text_embedding import embed_texts
from wsal.evaluation.multilabel import METRICS, evaluate_sets, f1_thresholds
from wsal.labels import LabelSet
from wsal.rounds.split_gold import gold_of
from wsal.rules.similarity import Similarity

WSAL = [sys.executable, "-m", "wsal"]
LONGEST = 300  # characters of a text
GOLD_WEIGHT = 20  # of a text with gold, beside thousands of voted ones
DRAWS = 300  # of the paired bootstrap over test texts


def main():
    """Prepare the data, run wsal, train scikit-learn, and compare both on the test split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="debian.parquet or fashion.parquet")
    parser.add_argument("--out", type=Path, help="default: runs/multilabel-NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=40, help="texts asked in a round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, help="only so many rows, for a quick look")
    options, options.more = parser.parse_known_args()
    if not options.data.exists():
        sys.exit(f"{options.data} is not there, so nothing was measured")
    options.out = options.out or Path("runs") / f"multilabel-{options.data.stem}"
    options.out.mkdir(parents=True, exist_ok=True)
    write_inputs(options)
    start = time.monotonic()
    run_dir = run_wsal(options)
    seconds = time.monotonic() - start
    results = compare(run_dir, options.seed)
    results |= {"seconds": round(seconds), "seed": options.seed, "rows": options.rows}
    (options.out / f"results-{options.seed}.json").write_text(json.dumps(results, indent=1))
    show(results)


def write_inputs(options):
    """The rows as Parquet, and the rules as YAML."""
    rows = pl.read_parquet(options.data)
    rows, rules = (debtags if "tags" in rows.columns else of_columns)(rows)
    if options.rows:
        rows = rows.sample(options.rows, seed=0)
    rows.write_parquet(options.out / "data.parquet")
    (options.out / "rules").mkdir(exist_ok=True)
    (options.out / "rules" / "keywords.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))


def of_columns(rows):
    """Titles of the Fashion set with the values of five columns as their labels; and the rules."""
    labels = [
        pl.format("{}: {}", pl.lit(column), pl.col(column).replace({"": None}))
        for column in COLUMNS
    ]
    all_labels = pl.concat_list(labels).list.eval(
        pl.element().filter(pl.element().is_in(list(LABELS)))
    )
    rows = rows.select(text="title", tags=all_labels, split="split")
    return rows, {name(label): keyword(label, words) for label, words in LABELS.items()}


def name(label):
    """A rule's name."""
    return "".join(c if c.isalnum() else "_" for c in label.replace("+", "p"))


def keyword(label, words):
    """A rule for words with commas between them."""
    words = [word.strip() for word in words.split(",")]
    return {"_target_": "wsal.rules.patterns.Keyword", "label": label, "words": words}


def debtags(rows):
    """Debian packages with their tags, and the rules."""
    rows = rows.filter(pl.col("tags").list.len() > 0)
    known = pl.element().filter(pl.element().is_in(list(TAGS)))
    title, description = (pl.col(name).fill_null("") for name in ("title", "description"))
    text = pl.concat_str(title, description, separator=" | ").str.slice(0, LONGEST)
    tags = pl.col("tags").list.eval(known)
    rows = rows.select("package", "section", "split", text=text, tags=tags)
    rules = {}
    for tag, own in TAGS.items():
        for field, pattern in own:
            if field == "text":
                rule = keyword(tag, pattern)
            else:
                rule = {
                    "_target_": "wsal.rules.patterns.Regex",
                    "label": tag,
                    "pattern": pattern,
                    "fields": [field],
                }
            rules[f"{name(tag)}_{field}"] = rule
    return rows, rules


def run_wsal(options):
    """Run all stages with an oracle; returns the run folder."""
    run_dir = options.out / f"seed-{options.seed}"
    kept = {"package", "section"} & set(pl.read_parquet_schema(options.out / "data.parquet"))
    keep = [f"data.layout.keep=[{','.join(sorted(kept))}]"] if kept else []
    command = [
        *WSAL, "run", "--config-dir", str(options.out), "data=parquet", "rules=keywords",
        f"data.path={options.out / 'data.parquet'}", "data.layout.text=[text]",
        "data.layout.label=tags", "data.layout.multilabel=true", "data.layout.split=split",
        *keep, "export=hf", "report=false", f"seed={options.seed}",
        f"name=multilabel-{options.seed}", f"run_dir={run_dir}",
        f"active.rounds={options.rounds}", f"active.query_size={options.size}", *options.more,
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return run_dir


def compare(run_dir, seed):
    """All metrics of each way on the test split, and gains over scikit-learn with intervals."""
    pool = Artifact.open(run_dir / "pool")
    labels = LabelSet.of_pool(pool.facts)
    gold, weights = gold_of(pool, "test")
    rounds = sorted((run_dir / "rounds").glob("*/annotations"))
    answers = answered_sets(pool, [Artifact.open(path) for path in rounds])
    last = sorted((run_dir / "rounds").glob("*/finetuned"))[-1]
    n_gold = len(answers[0])
    plain, with_gold, weighted = sklearn_probs(run_dir, pool, labels, answers)
    probs = {
        "votes": votes_on(run_dir, "test", labels).astype(np.float32),
        "scikit-learn, votes": plain,
        "wsal, votes": np.load(run_dir / "pretrained" / "test_probs.npy"),
        f"scikit-learn, votes and {n_gold} gold": with_gold,
        f"scikit-learn, votes and {n_gold} gold, weight {GOLD_WEIGHT}": weighted,
        f"wsal, votes and {n_gold} gold": np.load(last / "test_probs.npy"),
    }
    half = np.full(len(labels), 0.5)
    measured = {}
    for name, own in probs.items():
        for kind, limits in (("0.5", half), ("expected F1", f1_thresholds(own))):
            if name == "votes" and kind != "0.5":
                continue
            numbers = evaluate_sets(own, gold, weights, labels, limits)
            measured[f"{name}; thresholds {kind}"] = {m: numbers[m] for m in METRICS}
    names = list(probs)
    pairs = [(names[1], names[2]), (names[3], names[5]), (names[4], names[5])]
    gains = {
        f"{second} over {first}": gain(probs[first], probs[second], gold, weights, labels, seed)
        for first, second in pairs
    }
    return {"n_test": len(gold), "n_classes": len(labels), "measured": measured, "gains": gains}


def sklearn_probs(run_dir, pool, labels, answers):
    """One-vs-rest logistic regression on majority votes; with gold; with gold that weighs more."""
    texts = [
        tables.column(pool.path / f"{split}.parquet", "text").to_list()
        for split in ("pool", "test")
    ]
    train, test = (embed_texts(part, Similarity.encoder) for part in texts)
    votes = votes_on(run_dir, "pool", labels)
    with_gold, weights = votes.copy(), np.ones(len(votes))
    with_gold[answers[0]], weights[answers[0]] = answers[1], GOLD_WEIGHT
    return [
        one_vs_rest(train, targets, own, test)
        for targets, own in ((votes, None), (with_gold, None), (with_gold, weights))
    ]


def one_vs_rest(train, targets, weights, test):
    """Probabilities `(test, classes)`."""
    probs = np.zeros((len(test), targets.shape[1]), np.float32)
    for label in range(targets.shape[1]):
        if len(np.unique(targets[:, label])) == 2:
            model = LogisticRegression(max_iter=300).fit(train, targets[:, label], weights)
            probs[:, label] = model.predict_proba(test)[:, 1]
    return probs


def votes_on(run_dir, split, labels):
    """`(texts, classes)`: whether a rule says yes, which is the majority as no rule says no."""
    name = "votes.parquet" if split == "pool" else f"votes_{split}.parquet"
    table = tables.read(run_dir / "votes" / name).drop("id")
    voted = np.zeros((len(table), len(labels)), dtype=bool)
    for column in table.get_columns():
        vote = column.to_numpy()
        rows = np.flatnonzero(vote >= 0)
        voted[rows, vote[rows]] = True
    return voted


def gain(first, second, gold, weights, labels, seed):
    """The difference of each metric, both with expected-F1 thresholds, and its 90% interval."""
    limits = [f1_thresholds(probs) for probs in (first, second)]
    draw, drawn = np.random.default_rng(seed), []
    for number in range(DRAWS + 1):
        rows = np.arange(len(gold)) if not number else draw.integers(len(gold), size=len(gold))
        before, after = (
            evaluate_sets(probs[rows], gold[rows], weights[rows], labels, limit)
            for probs, limit in zip((first, second), limits, strict=True)
        )
        drawn.append([after[name] - before[name] for name in METRICS])
    low, high = np.quantile(drawn[1:], [0.05, 0.95], axis=0)
    return {
        name: [round(float(v), 4) for v in values]
        for name, *values in zip(METRICS, drawn[0], low, high, strict=True)
    }


def show(results):
    """Print both tables."""
    table = Table(title=f"{results['n_test']:,} test texts, {results['n_classes']} tags")
    for column in ("", *METRICS):
        table.add_column(column)
    for name, numbers in results["measured"].items():
        table.add_row(name, *(f"{numbers[m]:.3f}" for m in METRICS))
    for name, numbers in results["gains"].items():
        table.add_row(name, *("{:+.3f} [{:+.3f}, {:+.3f}]".format(*numbers[m]) for m in METRICS))
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
