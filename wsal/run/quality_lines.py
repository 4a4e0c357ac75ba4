"""The quality of labels and classifiers in the lines of stages."""

from collections.abc import Mapping

from wsal.artifacts import Facts

METRICS = {"macro_f1": "macro-F1", "accuracy": "accuracy"}
OF_SETS = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "example_f1": "example-F1",
    "map": "mAP",
    "accuracy": "exactly right",
}
UNMEASURED = "no gold labels to measure on"


def metrics_of(facts: Facts) -> Mapping[str, str]:
    """The metrics that there are, and their names: others where a text may have several classes."""
    return OF_SETS if "micro_f1" in facts else METRICS


def quality_of(facts: Facts) -> str:
    """The quality on test and dev, as far as there are such splits."""
    splits = []
    for split in ("test", "dev"):
        if metrics := facts.get(split):
            values = (f"{name} {metrics[key]:.3f}" for key, name in metrics_of(metrics).items())
            splits.append(f"{split} {', '.join(values)}")
    return "; ".join(splits) or UNMEASURED
