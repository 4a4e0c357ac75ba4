"""How many labels does wsal save? Learning curves beside random labels, small-text and SetFit.

python benchmarks/labels.py [--sets pricerunner,...] [--ways wsal,random,...]
    [--rules blind,present,names,none] [--seeds 0,1,2] [--rounds 10] [--data FOLDER]

Each finished point is a line of --out at once: a benchmark that was stopped goes on from there.
`python benchmarks/label_report.py` makes tables and plots of the lines.
"""

import argparse
import json
import shutil
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

from gpu import machine
from label_curves import RESULTS, read_lines
from label_fastfit import fastfit
from label_peers import full_supervision, linear_head, random_labels, setfit, small_text
from label_sets import SETS, file_of, has_experiment, known
from label_ways import PARTS, RULES, SECONDS, WSAL
from label_wsal import wsal_points
from product_texts import DATA

import wsal

LR = {"pricerunner": 1e-4, "bigbasket_category": 1e-4, "trec": 1e-4}
MANY_CLASSES_LR = 5e-4
"""Of training without rules, by first trials: with 90 classes 1e-4 is too little."""
TRAINED = {
    "random": random_labels,
    "full": full_supervision,
    "small_text_breaking_ties": partial(small_text, strategy="breaking_ties"),
    "small_text_embedding_kmeans": partial(small_text, strategy="embedding_kmeans"),
}
"""Peers that are MiniLM with plain fine-tuning; they have a learning rate."""
OTHERS = {"linear_head": linear_head, "setfit": setfit, "fastfit": fastfit}
DEFAULT = (WSAL, "random", "full", "small_text_breaking_ties", *OTHERS)


def measured(lines, key, wsal_version):
    """The points of a way: of this version where it is wsal's, else of any version.

    `extra` in a key are further overrides; lines without any are those of a key without any.
    """
    return [
        line for line in lines
        if key.items() <= line.items()
        and line.get("extra") == key.get("extra")
        and ("rules" not in key or line["wsal"] == wsal_version)
    ]  # fmt: skip


def keys(options):
    """What is to be measured: a seed of all ways and sets after the other."""
    for seed in map(int, options.seeds.split(",")):
        for way in options.ways.split(","):
            ours = way == WSAL or way in PARTS
            for rules in options.rules.split(",") if ours else [None]:
                for name in options.sets.split(","):
                    if rules == "present" and not has_experiment(name):
                        continue
                    key = {"set": name, "way": way, "seed": seed}
                    extra = {"extra": options.extra} if ours and options.extra else {}
                    yield key | ({"rules": rules} | extra if ours else {})


def points(key, options, done):
    """`(n_gold, figures)` for each point of a way that is not done yet."""
    name, way, seed = key["set"], key["way"], key["seed"]
    file = file_of(name, options.data, options.work)
    if file is None:
        print(f"{name}: skipped, not in {options.data} (give --data or WSAL_DATA)")
        return
    texts = known(name, file, options.work)
    lr = options.lr or LR.get(name, MANY_CLASSES_LR)
    if "rules" in key:
        folder = options.work / "runs" / "-".join([name, key["rules"], *way.split(), str(seed)])
        if len(done) <= options.rounds:
            yield from wsal_points(key, texts, file, folder, options, lr)
            if not options.keep:
                shutil.rmtree(folder)
    elif way in OTHERS:
        yield from OTHERS[way](texts, seed, done=done)
    else:
        yield from TRAINED[way](texts, seed, lr, done=done)


def main():
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--ways", default=",".join(DEFAULT), help=f"or {', '.join(PARTS)}")
    parser.add_argument("--rules", default=",".join(RULES), help="of wsal's ways")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=10, help="of 50 labels")
    parser.add_argument("--out", type=Path, default=RESULTS / "labels.jsonl")
    parser.add_argument("--work", type=Path, default=Path("runs") / "bench-labels")
    parser.add_argument("--keep", action="store_true", help="keep wsal's run folders")
    parser.add_argument("--lr", type=float, help="of training without rules, not the set's")
    parser.add_argument("--extra", nargs="*", default=[], help="further overrides of wsal's runs")
    options = parser.parse_args()
    options.work = options.work.resolve()
    versions = {"wsal": wsal.__version__}
    versions |= {name: version(name) for name in ("torch", "transformers")}
    versions["card"] = machine()
    for key in keys(options):
        lines = measured(read_lines(options.out), key, versions["wsal"])
        done, begun = {line["n_gold"] for line in lines}, time.perf_counter()
        for n, figures in points(key, options, done):
            if n in done:
                continue
            seconds = {"seconds": round(time.perf_counter() - begun, 1)}
            line = key | {"n_gold": n, "annotator_seconds": SECONDS * n} | seconds | figures
            with options.out.open("a") as out:
                out.write(json.dumps(line | versions) + "\n")
            print(json.dumps(line), flush=True)
            begun = time.perf_counter()


if __name__ == "__main__":
    main()
