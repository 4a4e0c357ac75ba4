"""What does a model cost? Quality against money for rules, a language model and people.

python benchmarks/money.py [--sets bigbasket,...] [--rules blind,present] [--ways ...] [--seeds 3]

The language model's answers are recorded ones (WSAL_DATA/llm_answers), replayed by a server on this
machine; they are all it can answer. People are simulated from gold: 4 seconds a label at 30 an
hour. Each finished run is a line of --out at once: a benchmark that was stopped goes on from there.
`python benchmarks/money_report.py` makes a table and plots of the lines.
"""

import argparse
import json
import shutil
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import polars as pl
from gpu import machine
from label_sets import configured, file_of
from llm_replay import MODEL, ReplayServer
from product_texts import DATA

from wsal.rounds.llm_questions import vote_questions
from wsal.rounds.llm_sampling import RANDOM, LLMSample
from wsal.run.loop import run_command

RESULTS = Path(__file__).parent / "results"
SECONDS, PER_HOUR = 4.0, 30.0  # of a label, of people's time
PRICES = {"small": (0.05, 0.4), "frontier": (1.25, 10.0)}
"""Of a million tokens sent and received, in dollars: assumptions, not the prices of a provider.
Every text is asked alone, so the class list is paid with each."""
ROUNDS = 3
LABELS = 200  # in a round
PEOPLE = (f"active.rounds={ROUNDS}", f"active.query_size={LABELS}", f"annotator.seconds={SECONDS}")
CASCADE = (
    "annotator=cascade",
    f"active.rounds={ROUNDS}",
    f"active.query_size={LABELS}",
    f"annotator.people.seconds={SECONDS}",
)
LLM = ("llm=local", f"llm.model={MODEL}", "llm.texts=100000", "llm.parallel=16")
NOTHING = ("pretrain=none", "finetune=gold_only", "finetune.lr=5e-4", "finetune.steps=400")
WAYS = {
    "people, random labels": (*PEOPLE, *NOTHING, "strategy=random"),
    "people, chosen labels": (*PEOPLE, *NOTHING, "strategy=cold_start"),
    "rules + people": PEOPLE,
    "LLM": (*LLM, "active.rounds=0"),
    "rules + LLM": (*LLM, "active.rounds=0"),
    "rules + LLM + people": (*LLM, *CASCADE),
}
WITHOUT_RULES = ("people, random labels", "people, chosen labels", "LLM")


def measure(name, kind, way, seed, options):
    """Run one way; its points with labels, money and quality."""
    file = file_of(name, options.data, options.work)
    run_dir = options.work / "money" / f"{name}-{kind}-{way.replace(' ', '_')}-{seed}"
    overrides = [*WAYS[way], f"seed={seed}", "export=hf", *options.extra]
    with ReplayServer(name, data=options.data) as server:
        if "LLM" in way:
            overrides.append(f"llm.url={server.url}")
        run = configured(name, file, run_dir, *overrides, rules=kind)
        with patch("wsal.stages.ask.vote_questions", partial(recorded_questions, server)):
            summary = run_command("run", run.run_dir, run.components, run.nodes)
    points = [
        {
            "n_people": n,
            "people": round(n * SECONDS / 3600 * PER_HOUR, 4),
            **{f"llm_{price}": cost for price, cost in llm_costs(run_dir, number).items()},
            "macro_f1": round(figures["macro_f1"], 4),
            "accuracy": round(figures["accuracy"], 4),
        }
        for number, figures in enumerate(summary["rounds"])
        for n in [figures["n_gold"]]
    ]
    if not options.keep:
        shutil.rmtree(run_dir, ignore_errors=True)
    return points


def recorded_questions(server, *arguments):
    """The questions to which an answer was recorded; the others count as not asked.

    Without it the language model would refuse most of the pool, which takes minutes.
    """
    sample, questions = vote_questions(*arguments)
    kept = [n for n, question in enumerate(questions) if question.text in server.answers]
    reasons = [RANDOM for _ in kept]  # the recorded texts are a random sample of the pool
    return LLMSample(sample.rows[kept], reasons), [questions[n] for n in kept]


def llm_costs(run_dir, number):
    """What the language model has cost up to a round, at each of the prices."""
    files = [run_dir / "llm_votes" / "answers.parquet"]
    files += [
        run_dir / f"rounds/{n:03d}/annotations/llm_answers.parquet" for n in range(1, number + 1)
    ]
    tables = [pl.read_parquet(file) for file in files if file.exists()]
    sent = sum(table["input_tokens"].sum() for table in tables)
    received = sum(table["output_tokens"].sum() for table in tables)
    return {
        name: round((sent * price[0] + received * price[1]) / 1e6, 4)
        for name, price in PRICES.items()
    }


def main():
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", default="bigbasket,fashion,banking77,pricerunner")
    parser.add_argument("--rules", default="blind,present")
    parser.add_argument("--ways", default=";".join(WAYS), help="separated by semicolons")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path("build/money"))
    parser.add_argument("--out", type=Path, default=RESULTS / "money.jsonl")
    parser.add_argument("--keep", action="store_true", help="keep the run folders")
    parser.add_argument("extra", nargs="*", help="more overrides, such as pretrain.epochs=1")
    options = parser.parse_args()
    options.work = options.work.resolve()
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    done = {tuple(json.loads(line)[k] for k in ("set", "rules", "way", "seed")) for line in lines}
    for seed in range(options.seeds):
        for way in options.ways.split(";"):
            for kind in ["none"] if way in WITHOUT_RULES else options.rules.split(","):
                for name in options.sets.split(","):
                    key = (name, kind, way, seed)
                    if key in done:
                        continue
                    start = time.perf_counter()
                    points = measure(*key, options)
                    about = dict(zip(("set", "rules", "way", "seed"), key, strict=True))
                    line = about | {
                        "points": points,
                        "seconds": round(time.perf_counter() - start, 1),
                        "extra": options.extra,
                        "machine": machine(),
                    }
                    with options.out.open("a") as out:
                        out.write(json.dumps(line) + "\n")
                    print(json.dumps(about | {"points": points}), flush=True)


if __name__ == "__main__":
    main()
