"""`wsal predict` on large tables: rows per second and memory, and the cascade on real titles.

python benchmarks/large_prediction.py [--part tiny|minilm|cascade] [--tiny-rows 5000000]
    [--minilm-rows 100000] [--shard-rows 1000000] [--fit 3000] [--sets pricerunner,bigbasket]
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from minilm import MINILM, fresh
from prediction import tiny_folder
from product_texts import DATA
from record import in_child, row, show, timed
from titles import titles

from wsal.export.onnx import write_onnx
from wsal.labels import LabelSet
from wsal.text import clean

RAY = ("--launcher", "ray", "--ray-actors", 2, "--ray-cpus", 1)
OPTIONS = ((), ("--processes", 2), RAY, ("--cascade",))
WSAL = [sys.executable, "-c", "from wsal.cli import main; main()"]


def table(path, n, duplicates, group_rows=250_000):
    """Made-up titles, of which a share repeat others anywhere in the table."""
    distinct = titles(n).to_list()
    rng = np.random.default_rng(1)
    n_kept = max(1, round(n * (1 - duplicates)))
    rows = np.r_[np.arange(n_kept), rng.integers(0, n_kept, n - n_kept)]
    rng.shuffle(rows)
    frame = pl.DataFrame({"id": np.arange(n), "title": [distinct[i] for i in rows]})
    frame.write_parquet(path, row_group_size=group_rows)


def predicted(folder, source, target, *options):
    """Seconds of the command, its largest process in MiB, and what it printed."""
    arguments = [str(a) for a in ("predict", folder, source, target, "--force", *options)]
    return in_child("--command", json.dumps([*WSAL, *arguments]))


def command(words):
    """Run a command and print its seconds, the largest process in MiB, and its output."""
    done, seconds = timed(
        lambda: subprocess.run(words, check=False, capture_output=True, text=True)
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mib": round(peak), "output": done.stdout}))


def speed(name, folder, n, shard_rows, shares):
    """With one and two processes, on Ray, and with a cascade, for each share of duplicates."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch, "in.parquet"), Path(scratch, "out")
        before = None
        for duplicates in shares:
            table(source, n, duplicates)
            for options in OPTIONS:
                result = predicted(folder, source, target, "--shard-rows", shard_rows, *options)
                subprocess.run(["rm", "-r", str(target)], check=True)
                rate = round(n / result["seconds"])
                before = before or rate
                note = f"{n:,} rows, shards of {shard_rows:,}; {result['mib']:,} MiB at most"
                note += f"; {' / '.join(result['output'].splitlines()[1:])}"
                what = f"{name}, {duplicates:.0%} duplicates {' '.join(map(str, options))}"
                peer = "0% duplicates, one process"
                yield row(what.strip(), rate, before, peer, "rows/s", note, less_is_better=False)


def minilm_folder(folder, texts, names, classes):
    """An exported folder: MiniLM as it is, with a last layer fitted to these texts."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from wsal.classifier.head import last_layer

    labels = LabelSet(tuple(names))
    classifier = fresh(MINILM, labels, 0)
    model, layer = classifier.model.eval(), last_layer(classifier.model)
    features = []
    layer.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].numpy().copy()))
    with torch.no_grad():
        for first in range(0, len(texts), 64):
            some = texts[first : first + 64]
            model(**classifier.tokenizer(some, padding=True, truncation=True, max_length=64,
                                         return_tensors="pt"))  # fmt: skip
        layer._forward_pre_hooks.clear()
        fitted = LogisticRegression(C=10, max_iter=2000).fit(np.concatenate(features), classes)
        layer.weight.copy_(torch.from_numpy(fitted.coef_).float())
        layer.bias.copy_(torch.from_numpy(fitted.intercept_).float())
    reading = {"text_fields": ["title"], "separator": " ", "max_length": 64}
    model.config.wsal = {**reading, "pad_id": classifier.tokenizer.pad_token_id, "digest": "minilm"}
    classifier.save(folder)
    (folder / "onnx").mkdir()
    write_onnx(classifier, folder / "onnx" / "model.onnx")
    (folder / "labels.json").write_text(json.dumps(list(names)))
    (folder / "thresholds.json").write_text('{"classes": {}}')


def cascade(name, n_fit):
    """The cascade beside the classifier alone, on all titles that the head was not fitted on."""
    rows = pl.read_parquet(DATA / f"{name}.parquet", columns=["title", gold_of(name)]).drop_nulls()
    rows = rows.with_columns(title=clean(rows["title"])).drop_nulls()
    rows = rows.sample(fraction=1.0, shuffle=True, seed=0).rename({gold_of(name): "gold"})
    counts = rows["gold"].value_counts()
    rows = rows.filter(
        pl.col("gold").is_in(counts.filter(pl.col("count") >= 100)["gold"].implode())
    )
    seen = rows.head(n_fit)
    names = sorted(seen["gold"].unique())
    rest = rows[n_fit:].filter(pl.col("gold").is_in(names))
    with tempfile.TemporaryDirectory() as scratch:
        folder, source = Path(scratch, "model"), Path(scratch, "in.parquet")
        folder.mkdir()
        classes = [names.index(g) for g in seen["gold"]]
        minilm_folder(folder, seen["title"].to_list(), names, classes)
        rest.write_parquet(source)
        results, frames = {}, {}
        for key, options in (("alone", ()), ("cascade", ("--cascade",))):
            target = Path(scratch, f"{key}.parquet")
            results[key] = predicted(folder, source, target, *options)
            frames[key] = pl.read_parquet(target)
    right = {key: (frame["label"] == frame["gold"]).mean() for key, frame in frames.items()}
    by_student = frames["cascade"]["labelled_by"] == "student"
    same = (frames["cascade"]["label"] == frames["alone"]["label"]).filter(by_student).mean()
    mean_probability = frames["cascade"]["probability"].filter(by_student).mean()
    gold = (frames["cascade"]["label"] == rest["gold"]).filter(by_student).mean()
    note = f"{len(rest):,} rows; accuracy on gold {right['cascade']:.4f}, alone "
    note += f"{right['alone']:.4f}; the student answered {by_student.mean():.1%} of rows, "
    if same is not None:
        note += f"agreed on {same:.4f}, was right on {gold:.4f} and gave {mean_probability:.4f}; "
    note += re.sub(r"\s+", " ", " / ".join(results["cascade"]["output"].splitlines()[1:]))
    rates = [round(len(rest) / results[key]["seconds"]) for key in ("cascade", "alone")]
    yield row(f"cascade, {name}", *rates, "classifier alone", "rows/s", note, less_is_better=False)


def gold_of(name):
    """The column of classes."""
    return "sub_category" if name == "fashion" else "category"


def main():
    """Measure and show."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=("tiny", "minilm", "cascade"))
    parser.add_argument("--tiny-rows", type=int, default=5_000_000)
    parser.add_argument("--minilm-rows", type=int, default=100_000)
    parser.add_argument("--shard-rows", type=int, default=1_000_000)
    parser.add_argument("--fit", type=int, default=3_000)
    parser.add_argument("--duplicates", default="0,0.3", help="shares of repeated titles")
    parser.add_argument("--sets", default="pricerunner,bigbasket,fashion")
    parser.add_argument("--command", type=json.loads)
    options = parser.parse_args()
    if options.command:
        command(options.command)
        return
    rows, shares = [], [float(share) for share in options.duplicates.split(",")]
    sample = titles(3_000).to_list()
    if options.part in (None, "tiny"):
        with tempfile.TemporaryDirectory() as folder:
            tiny_folder(Path(folder), sample)
            rows += speed("tiny", folder, options.tiny_rows, options.shard_rows, shares)
    if options.part in (None, "minilm"):
        with tempfile.TemporaryDirectory() as folder:
            names = list("abcdefghij")
            classes = np.arange(len(sample)) % len(names)
            minilm_folder(Path(folder), sample, names, classes)
            shard_rows = min(options.shard_rows, options.minilm_rows // 4)
            rows += speed("minilm", folder, options.minilm_rows, shard_rows, shares)
    if options.part in (None, "cascade"):
        for name in options.sets.split(","):
            rows += cascade(name, options.fit)
    show("large_prediction", rows, ["wsal", "onnxruntime", "scikit-learn"])


if __name__ == "__main__":
    main()
