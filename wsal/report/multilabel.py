"""The report where a text may have several classes: quality by round, and of each class."""

import json
from typing import Any

from wsal.evaluation.multilabel import METRICS
from wsal.inspection.run_view import RunView
from wsal.report.section import Section

NAMES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "example_f1": "F1 of texts",
    "map": "mean average precision",
    "accuracy": "exactly right",
}


def sets_section(view: RunView) -> Section:
    """All metrics after each round with 90% intervals, and each class on dev or test."""
    facts = view.pool.facts
    assessed = view.of_rounds("assess")
    newest = assessed[-1].facts if assessed else {}
    figures: dict[str, Any] = {
        "n_pool": facts["n_pool"],
        "n_classes": len(facts["labels"]),
        "measured_on": newest.get("measured_on"),
        "metrics": [NAMES[name] for name in METRICS],
        "rounds": [
            {
                "n_gold": each["n_gold"],
                "values": [
                    {key: each[name][key] for key in ("value", "low", "high")} for name in METRICS
                ],
            }
            for each in newest.get("rounds", [])
        ],
        **_by_class(view),
    }
    return Section("multilabel", "Quality", figures)


def _by_class(view: RunView) -> dict[str, Any]:
    """Each class of the newest classifier on the dev split, else on the test split."""
    for classifier in reversed(view.classifiers):
        metrics = json.loads((classifier.path / "metrics.json").read_text())
        for split in ("dev", "test"):
            if split in metrics:
                whole = [{"name": NAMES[name], "value": metrics[split][name]} for name in METRICS]
                classes = [{"name": n} | m for n, m in metrics[split]["classes"].items()]
                return {"split": split, "whole": whole, "classes": classes}
    return {"split": None, "whole": [], "classes": []}
