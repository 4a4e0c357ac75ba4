"""How many labels does wsal save? Learning curves beside random labels, small-text and SetFit.

python benchmarks/labels.py [--sets pricerunner,...] [--ways random,...] [--seeds 3] [--data FOLDER]

Each finished point is a line of --out at once: a run that was stopped goes on from there.
`python benchmarks/label_report.py` makes tables and plots of the lines.
"""

import argparse
import json
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

from gpu import machine
from label_peers import random_labels, setfit, small_text, steps
from label_sets import SETS, configured, file_of, known
from product_texts import DATA

from wsal.run.loop import run_command

RESULTS = Path(__file__).parent / "results"
LR = {"pricerunner": 1e-4, "bigbasket": 5e-4, "fashion": 5e-4, "banking77": 5e-4}
"""Of training without rules, by first trials: with 90 classes 1e-4 is too little."""
PEERS = {
    "random": random_labels,
    "small_text_breaking_ties": partial(small_text, strategy="breaking_ties"),
    "small_text_embedding_kmeans": partial(small_text, strategy="embedding_kmeans"),
}
WITHOUT_RULES = "wsal_without_rules"
WSAL = {
    "wsal": (),
    WITHOUT_RULES: ("pretrain=none", "finetune=gold_only", "strategy=cold_start"),
}
"""Overrides of the set's experiment."""
PARTS = {
    "head not fitted first": ("pretrain.head_first=false",),
    "all weak labels": ("pretrain.max_texts=null",),
    "random texts": ("strategy=random",),
    "margin": ("strategy=margin",),
    "entropy_clusters": ("strategy=entropy_clusters",),
    "rules not asked whom to ask": ("active.disagreement=0", "active.contradiction=0"),
    "without replay": ("finetune.replay=0",),
    "replay fades": ("finetune.replay_end=0.1",),
    "400 steps": ("finetune.steps=400",),
    "with copies": ("amplify=default",),
}
"""wsal with one part changed."""
ROUNDS = ("active.rounds=10", "active.query_size=50", "export=hf")


def read_lines(file):
    """The points measured so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def wsal_points(name, way, seed, file, work, extra):
    """Run the experiment round by round; a stopped run goes on."""
    slug = way.replace(" ", "_")
    overrides = [f"seed={seed}", f"name={slug}", *ROUNDS, *(WSAL | PARTS)[way], *extra]
    if way == WITHOUT_RULES:  # as many steps, at the rate, of the peers
        n = steps(known(name, file, work))
        overrides += [f"finetune.lr={LR[name]}", f"finetune.steps={n}"]
    run = configured(name, file, work / "runs" / f"{name}-{slug}-{seed}", *overrides)
    summary = run_command("run", run.run_dir, run.components, run.nodes)
    for one in summary["rounds"]:
        found = {k: round(one[k], 4) for k in ("macro_f1", "accuracy")}
        yield one["n_gold"], found | {"n_evaluation": one.get("n_evaluation", 0)}


def points(name, way, seed, options, done):
    """`(n_gold, metrics)` for each point that is not done yet."""
    file = file_of(name, options.data, options.work)
    if file is None:
        print(f"{name}: skipped, not in {options.data} (give --data or WSAL_DATA)")
    elif way in WSAL | PARTS:
        yield from wsal_points(name, way, seed, file, options.work, options.extra)
    elif way == "setfit":
        yield from setfit(known(name, file, options.work), seed, done)
    else:
        yield from PEERS[way](
            known(name, file, options.work), seed, options.lr or LR[name], done=done
        )


def main():
    """Measure what is missing, a seed of all sets and ways after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--ways", default=",".join([*WSAL, *PEERS, "setfit"]), help="or PARTS")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, default=RESULTS / "labels.jsonl")
    parser.add_argument("--work", type=Path, default=Path("runs") / "bench-labels")
    parser.add_argument("--lr", type=float, help="of peers, in place of the set's")
    parser.add_argument("--extra", nargs="*", default=[], help="further overrides of wsal's runs")
    options = parser.parse_args()
    versions = {name: version(name) for name in ("wsal", "torch", "transformers")}
    versions["card"] = machine()
    for seed in map(int, options.seeds.split(",")):
        for way in options.ways.split(","):
            for name in options.sets.split(","):
                key = {"set": name, "way": way, "seed": seed}
                lines = read_lines(options.out)
                done = {one["n_gold"] for one in lines if key.items() <= one.items()}
                begun = time.perf_counter()
                for n, found in points(name, way, seed, options, done):
                    if n in done:
                        continue
                    seconds = round(time.perf_counter() - begun, 1)
                    line = key | {"n_gold": n, "n_evaluation": 0} | found
                    with options.out.open("a") as out:
                        out.write(json.dumps(line | {"seconds": seconds} | versions) + "\n")
                    print(json.dumps(line), flush=True)
                    begun = time.perf_counter()


if __name__ == "__main__":
    main()
