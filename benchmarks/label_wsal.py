"""wsal's own ways of the label-savings benchmark, and its ablations."""

import json

import numpy as np
from label_peers import steps
from label_quality import of_rules, quality
from label_sets import configured

from wsal.run.loop import run_command
from wsal.run.pipeline import opened
from wsal.run.stage_table import BEFORE_ROUNDS, ROUND_STAGES, STAGES

WSAL = "wsal"
BY_RULES = {"none": ("pretrain=none", "finetune=gold_only", "strategy=cold_start")}
"""Overrides by the rules."""
PARTS = {
    "rules vote as a whole": ("label_model.by_term=false",),
    "without balance": ("pretrain.balance=0",),
    "head not fitted first": ("pretrain.head_first=false",),
    "all weak labels": ("pretrain.max_texts=null",),
    "random texts": ("strategy=random",),
    "margin": ("strategy=margin",),
    "without replay": ("finetune.replay=0",),
    "400 steps": ("finetune.steps=400",),
    "running mean of weights": ("finetune.ema=0.98",),
    "with copies": ("amplify=default",),
}
"""Ablations: overrides of wsal with one part changed. A new line here is a new way."""
QUERY, SECONDS, BLIND_SECONDS = 50, 4.0, 900.0
"""Labels of a round; an annotator's seconds for a text, and for a set of blind rules."""
RULES_SECONDS = {"blind": BLIND_SECONDS, "present": None, "names": 0.0, "none": 0.0}
"""What the rules took a person; nobody measured it for the present ones."""


def wsal_points(key, texts, file, folder, options, lr):
    """Run wsal round by round; a stopped run goes on. `(n_gold, figures)` of each round."""
    name, rules, way = key["set"], key["rules"], key["way"]
    overrides = [
        f"seed={key['seed']}", f"name={folder.name}", "export=hf", f"annotator.seconds={SECONDS}",
        f"active.rounds={options.rounds}", f"active.query_size={QUERY}",
        *BY_RULES.get(rules, ()), *PARTS.get(way, ()),
    ]  # fmt: skip
    if rules == "none":  # as many steps, at the rate, of the peers
        overrides += [f"finetune.lr={lr}", f"finetune.steps={steps(texts)}"]
    run = configured(name, file, folder, *overrides, *options.extra, rules=rules)
    summary = run_command("run", run.run_dir, run.components, run.nodes)
    for point in summary["rounds"]:
        if rules == "none" and not point["n_gold"]:
            continue  # nothing was trained
        figures = round_figures(run.run_dir, point, texts)
        yield point["n_gold"], figures | {"rules_seconds": RULES_SECONDS[rules]}


def round_figures(run_dir, point, texts):
    """Quality, of the rules alone too, and seconds of a round: of people, and of computing.

    Raises:
        ValueError: the kept predictions do not have the accuracy that the summary states.
    """
    number = point["round"]
    model, weak = (
        opened(run_dir, STAGES[later if number else first].writes, number).path
        for first, later in (("pretrain", "finetune"), ("aggregate", "reweigh"))
    )
    probs = np.load(model / "test_probs.npy")
    figures = quality(probs, texts.test_gold, texts.test_weights)
    if abs(figures["accuracy"] - point["accuracy"]) > 1e-3:
        raise ValueError(
            f"{model}/test_probs.npy has an accuracy of {figures['accuracy']}, but the summary "
            f"states {point['accuracy']:.4f}: is something else measured now?"
        )
    figures |= of_rules(json.loads((weak / "metrics.json").read_text()))
    stages = ROUND_STAGES if number else BEFORE_ROUNDS
    made = [opened(run_dir, STAGES[stage].writes, number) for stage in stages]
    return figures | {
        "annotator_seconds": point.get("annotator_seconds") or SECONDS * point["n_gold"],
        "seconds": round(sum(artifact.manifest["seconds"] for artifact in made if artifact), 1),
        "n_evaluation": point.get("n_evaluation", 0),
    }
