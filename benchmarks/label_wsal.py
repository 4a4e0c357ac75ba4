"""Points of wsal's own ways in the label-savings benchmark."""

import json

import numpy as np
from label_peers import steps
from label_quality import of_rules, quality
from label_sets import configured
from label_ways import BY_RULES, PARTS, QUERY, RULES_SECONDS, SECONDS

from wsal.run.loop import run_command
from wsal.run.pipeline import opened
from wsal.run.stage_table import BEFORE_ROUNDS, ROUND_STAGES, STAGES


def wsal_points(key, texts, file, folder, options, lr):
    """Run wsal round by round; a stopped run goes on. `(labels, figures)` of each round.

    Labels of an evaluation sample count, too; by default there is none, as there is a test split.
    """
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
        n_labels = point["n_gold"] + figures["n_evaluation"]
        yield n_labels, figures | {"rules_seconds": RULES_SECONDS[rules]}


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
