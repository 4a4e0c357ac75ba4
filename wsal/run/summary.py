"""A run in one dict, from the manifests alone: what summary.json holds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsal.active.money import bill_of
from wsal.artifacts import Artifact, Facts
from wsal.multilabel import is_multilabel
from wsal.run.bill import bill_of_run
from wsal.run.pipeline import opened
from wsal.run.stage_table import BEFORE_ROUNDS, CONFIG, ROUND_STAGES, STAGES

METRICS = ("accuracy", "macro_f1")


def summarise(run_dir: Path, name: str, n_rounds: int) -> dict[str, Any]:
    """Learning curve, data, rules, seconds of each stage, and what labels cost so far.

    Numbers are of the test split; where there is none, those of rounds are of the evaluation
    sample, else of dev. None where there is no gold.
    """
    artifacts = {stage: opened(run_dir, STAGES[stage].writes) for stage in BEFORE_ROUNDS}
    pool, weak, pretrained = (artifacts[s] for s in ("prepare", "aggregate", "pretrain"))
    seconds = {stage: a.manifest["seconds"] for stage, a in artifacts.items() if a}
    config = json.loads((run_dir / CONFIG).read_text())
    price = config["active"]["price_per_hour"]
    asked = artifacts["ask"]
    spent = asked.facts if asked else {}
    n_answered = weak.facts.get("n_answered", 0) if weak else 0
    rounds = [_round(0, 0, n_answered, pretrained)] if pretrained else []
    for number in range(1, n_rounds + 1):
        for stage in ROUND_STAGES:
            if artifact := opened(run_dir, STAGES[stage].writes, number):
                total = seconds.get(stage, 0) + artifact.manifest["seconds"]
                seconds[stage] = round(total, 3)
                if stage == "finetune":
                    facts = artifact.facts
                    n_answered = facts.get("n_answered", 0)
                    rounds.append(_round(number, facts["n_gold"], n_answered, artifact))
                elif stage == "assess":
                    has_test = bool(pool and pool.facts["n_test"])
                    _add_assessment(rounds, artifact.facts, has_test=has_test)
                    spent = artifact.facts
                    rounds[-1]["cost_so_far"] = bill_of(spent, price).total
    if exported := opened(run_dir, STAGES["export"].writes):
        seconds["export"] = exported.manifest["seconds"]
    rules = _on_gold(weak.facts.get("covered", {})) if weak else None
    return {
        "name": name,
        "data": config["data"]["_target_"],
        "n_pool": pool.facts["n_pool"] if pool else None,
        "n_classes": len(pool.facts["labels"]) if pool else None,
        "rounds": rounds,
        "rules": rules or {"coverage": None, "accuracy": None},
        "rules_alone": _on_gold(weak.facts) if weak else None,
        "exported": str(exported.path) if exported else None,
        **({"multilabel": True} if pool and is_multilabel(pool.facts) else {}),
        "seconds": seconds,
        "bill": bill_of_run(run_dir, spent, price).facts(),
    }


def _round(number: int, n_gold: int, n_answered: int, classifier: Artifact) -> dict[str, Any]:
    metrics = _on_gold(classifier.facts) or dict.fromkeys(METRICS)
    of_model = {"n_answered": n_answered} if n_answered else {}  # by a language model
    return {"round": number, "n_gold": n_gold, **of_model, **metrics}


def _add_assessment(rounds: list[dict[str, Any]], facts: Facts, *, has_test: bool) -> None:
    """Add what the newest assessment says of each round; figures of a test split stay."""
    rounds[-1]["n_evaluation"] = facts["n_evaluation"]
    rounds[-1]["annotator_seconds"] = facts["seconds"]
    if has_test:
        return
    rounds[-1]["measured_on"] = facts["measured_on"]
    for summary, assessed in zip(rounds, facts["rounds"], strict=False):
        for name in METRICS:
            summary[name] = assessed[name]["value"]
            summary[f"{name}_interval"] = [assessed[name]["low"], assessed[name]["high"]]
        for name in ("levels", "hierarchical"):  # of a class tree, with intervals
            if name in assessed:
                summary[name] = assessed[name]


def _on_gold(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    metrics: dict[str, Any] | None = facts.get("test") or facts.get("dev")
    return metrics
