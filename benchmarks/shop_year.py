"""A shop's year: monthly batches, a class that is split, a merge, a new brand; quality and labels.

The rows of BigBasket (11 categories, blind rules, title and brand) arrive in twelve months, a third
of them in the first. In month 4 a brand arrives that was never seen before, in month 6 a class is
split into two, and in month 9 two classes are merged. Every month each way is measured on the test
rows of all months so far, with the classes of that month:

- `wsal`: one run. `wsal append`, `wsal classes`, one round of `LABELS` answers, `wsal predict`.
- `scratch`: plain fine-tuning of the same encoder, from scratch every month, on random labels of
  all rows so far: three times as many a month, kept from month to month. Labels of the split class
  do not say which part they belong to and are left out from then on.

People's answers are the gold of the month. wsal runs through its command line, as in a shop.

    python benchmarks/shop_year.py --work FOLDER --seeds 0 1 2
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from label_peers import fine_tuned
from label_quality import quality
from label_sets import SETS, Known, blind_rules, train_and_test
from product_texts import DATA
from record import mean_and_half, show

from wsal.classifier.inference import predict
from wsal.labels import LabelSet
from wsal.seeding import rng

MONTHS = 12
FIRST_SHARE = 1 / 3
"""Of the rows, that are there in month 1."""
LABELS = 40
"""Answers of a month in wsal's run."""
TIMES = 3
"""As many labels has the other way."""
LR = 2e-4
"""Of plain fine-tuning."""
WAITS = "wait for an answer"
BRAND, BRAND_MONTH = "Fresho", 4
SPLIT, SPLIT_MONTH = "Kitchen, Garden & Pets", 6
PARTS = {"Pet Food & Accessories": "Garden & Pets", "Gardening": "Garden & Pets"}
OTHER_PART = "Kitchen"
MERGED, INTO, MERGE_MONTH = ("Bakery, Cakes & Dairy", "Eggs, Meat & Fish"), "Fresh Food", 9


def present_class(month):
    """The class of a row in a month, as an expression on the columns of BigBasket."""
    label = pl.col("category")
    if month >= SPLIT_MONTH:
        part = pl.col("sub_category").replace_strict(PARTS, default=OTHER_PART)
        label = pl.when(label == SPLIT).then(part).otherwise(label)
    if month >= MERGE_MONTH:
        label = pl.when(pl.col("category").is_in(MERGED)).then(pl.lit(INTO)).otherwise(label)
    return label


def year_of(rows, seed):
    """The rows with the month in which each arrives (`month`), and an id."""
    draw = rng(seed, "months").random(len(rows))
    later = 2 + np.floor((draw - FIRST_SHARE) / (1 - FIRST_SHARE) * (MONTHS - 1))
    month = np.where(draw < FIRST_SHARE, 1, later).astype(np.int64)
    with_month = rows.with_columns(
        month=pl.Series(month), id=pl.format("r{}", pl.int_range(pl.len()))
    )
    is_early = (pl.col("brand") == BRAND) & (pl.col("month") < BRAND_MONTH)
    return with_month.with_columns(
        month=pl.when(is_early).then(BRAND_MONTH).otherwise("month")
    ).sort("month", maintain_order=True)


def measured(names, predicted, gold):
    """Quality of predicted names on gold names."""
    labels = LabelSet(tuple(names))
    probs = np.eye(len(labels))[[labels.index(name) for name in predicted]]
    return quality(probs, np.array([labels.index(name) for name in gold]), np.ones(len(gold)))


def wsal(*arguments, folder, waits=False):
    """A command of wsal in a folder; `waits`: whether it may end because people have to answer."""
    command = [sys.executable, "-m", "wsal", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    if done.returncode and not (waits and WAITS in printed):
        raise SystemExit(f"{' '.join(command)}\n{printed}")
    return printed


def wsal_year(rows, folder, seed, extra):
    """Month after month, the figures of wsal's run."""
    folder.mkdir(parents=True, exist_ok=True)
    pool = rows.filter(pl.col("split") == "train").select("id", "title", "brand", "month")
    config = folder / "mine" / "experiment"
    config.mkdir(parents=True, exist_ok=True)
    classes = rows["category"].unique().sort().to_list()
    experiment = {
        "data": {
            "_target_": "wsal.data.table_file.TableFile", "path": "first.parquet",
            "layout": {"text": ["title", "brand"], "id": "id", "labels": classes},
        },
        "rules": blind_rules("bigbasket_category"),
    }  # fmt: skip
    (config / "shop.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /data: parquet\n  - override /rules: none\n"
        "  - override /annotator: file\n"
        + yaml.safe_dump({"name": "shop", "seed": seed, **experiment})
    )
    pool.filter(pl.col("month") == 1).drop("month").write_parquet(folder / "first.parquet")
    n_answers = 0
    for month in range(1, MONTHS + 1):
        if month > 1 and not (folder / f"month_{month}.parquet").exists():
            batch = folder / f"month_{month}.parquet"
            pool.filter(pl.col("month") == month).drop("month").write_parquet(batch)
            wsal("append", "shop", batch.name, folder=folder)
            if month == SPLIT_MONTH:
                parts = [OTHER_PART, *sorted(set(PARTS.values()))]
                wsal("classes", "split", "shop", SPLIT, "--into", *parts, folder=folder)
            if month == MERGE_MONTH:
                wsal("classes", "merge", "shop", *MERGED, "--into", INTO, folder=folder)
        n_answers += one_round(rows, folder, month, extra)
        test = rows.filter((pl.col("split") == "test") & (pl.col("month") <= month))
        test.select("id", "title", "brand").write_parquet(folder / "test.parquet")
        wsal("predict", "runs/shop/exported", "test.parquet", "labelled.parquet", folder=folder)
        predicted = pl.read_parquet(folder / "labelled.parquet")
        gold = test.select("id", gold=present_class(month)).join(predicted, on="id")
        names = rows.select(present_class(month)).to_series().unique().sort()
        figures = measured(names, gold["label"], gold["gold"])
        yield {"month": month, "labels": n_answers, **figures}


def one_round(rows, folder, month, extra):
    """Run a round of the loop, answer its query with the gold of the month, and finish it."""
    options = [
        "--config-dir", "mine", "experiment=shop", f"active.rounds={month}", "report=false",
        f"active.query_size={LABELS}", "evaluation.size=0", "export=hf", *extra,
    ]  # fmt: skip
    wsal("run", *options, folder=folder, waits=True)
    sheet = folder / "runs" / "shop" / "rounds" / f"{month:03d}" / "query.csv"
    asked = pl.read_csv(sheet, infer_schema=False)
    gold = rows.select("id", label=present_class(month))
    again = pl.col("id").str.replace(r"-again-\d+$", "")  # as texts are called that are asked again
    answered = (
        asked.with_columns(of=again)
        .drop("label")
        .join(gold.rename({"id": "of"}), on="of", how="left", maintain_order="left")
    )
    answered.drop("of").write_csv(sheet)
    if WAITS in (printed := wsal("run", *options, folder=folder)):
        raise SystemExit(f"answers are missing in {sheet}\n{printed}")
    return len(asked)


def scratch_year(rows, seed):
    """Month after month, the figures of plain fine-tuning on three times as many random labels."""
    labelled = rows.clear()
    for month in range(1, MONTHS + 1):
        so_far = rows.filter(pl.col("month") <= month)
        pool = so_far.filter(
            (pl.col("split") == "train") & ~pl.col("id").is_in(labelled["id"].implode())
        )
        drawn = rng(seed, "random labels", month).permutation(len(pool))[: TIMES * LABELS]
        n_labels = TIMES * LABELS * month
        labelled = pl.concat(
            [labelled, pool[drawn].with_columns(labelled_in=pl.lit(month))], how="diagonal"
        )
        usable = labelled
        if month >= SPLIT_MONTH:
            is_old = (pl.col("labelled_in") < SPLIT_MONTH) & (pl.col("category") == SPLIT)
            usable = labelled.filter(~is_old)
        names = rows.select(present_class(month)).to_series().unique().sort().to_list()
        labels = LabelSet(tuple(names))
        test = so_far.filter(pl.col("split") == "test")
        gold = [labels.index(name) for name in usable.select(present_class(month)).to_series()]
        known = Known(labels, texts(usable), np.array(gold), [], np.empty(0), np.empty(0))
        classifier = fine_tuned(known, np.arange(len(usable)), seed, LR)
        probs, _ = predict(classifier, texts(test), "test")
        predicted = [names[label] for label in probs.argmax(axis=1)]
        figures = measured(names, predicted, test.select(present_class(month)).to_series())
        yield {"month": month, "labels": n_labels, **figures}


def texts(rows):
    """The texts as wsal composes them."""
    columns = [pl.col(name).fill_null("") for name in ("title", "brand")]
    return rows.select(pl.concat_str(columns, separator=" | ")).to_series().to_list()


def main():
    """Play the year for each seed, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/shop_year.jsonl"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--ways", nargs="+", default=["wsal", "scratch"])
    parser.add_argument("--rows", type=int, default=12_000, help="rows of the set that are used")
    parser.add_argument("extra", nargs="*", help="overrides of wsal's configuration")
    options = parser.parse_args()
    source = train_and_test(pl.read_parquet(DATA / "bigbasket.parquet"), SETS["bigbasket_category"])
    lines = []
    for seed in options.seeds:
        drawn = rng(seed, "rows").permutation(len(source))[: options.rows]
        rows = year_of(source[np.sort(drawn)], seed)
        folder = options.work / f"shop-{seed}"
        years = {
            "wsal": wsal_year(rows, folder, seed, options.extra),
            "scratch": scratch_year(rows, seed),
        }
        for way in options.ways:
            for line in years[way]:
                lines.append({"way": way, "seed": seed, **line})
                print(json.dumps(lines[-1]), flush=True)
                with options.out.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    show("a shop's year", table_of(lines), ("wsal", "torch", "transformers"))


def table_of(lines):
    """A row of the table for each month: means over seeds of both ways."""
    table = []
    for month in range(1, MONTHS + 1):
        of = {
            way: [x for x in lines if x["month"] == month and x["way"] == way]
            for way in ("wsal", "scratch")
        }
        if not all(of.values()):
            continue
        means = {way: mean_and_half([x["macro_f1"] for x in points]) for way, points in of.items()}
        spent = {way: points[0]["labels"] for way, points in of.items()}
        note = "; ".join(
            f"{way}: ±{half:.3f}, {spent[way]} labels" for way, (_, half) in means.items()
        )
        table.append({
            "what": f"month {month}", "wsal": round(means["wsal"][0], 4),
            "peer": round(means["scratch"][0], 4), "peer_name": "scratch", "unit": "macro-F1",
            "ratio": None, "note": note,
        })  # fmt: skip
    return table


if __name__ == "__main__":
    main()
