"""What the model card says about texts of no class."""

from collections.abc import Mapping, Sequence
from typing import Any

METHODS = {
    "softmax": "the largest probability of a linear classifier",
    "energy": "the energy of a linear classifier",
    "nearest": "the distance to the nearest labelled text",
    "means": "the distance to the nearest mean of a class",
    "mahalanobis": "the Mahalanobis distance to the nearest class, relative to that to all texts",
    "contrast": "whether the nearest labelled text has a class or belongs to none",
    "linear": 'a linear classifier with "none of these" as one more class',
    "kernel": 'a kernel classifier with "none of these" as one more class',
    "combined": 'a linear and a kernel classifier with "none of these" as one more class, and the '
    "nearest labelled texts, combined",
}
"""What each score is, in words."""
EMBEDDINGS = ("nearest", "contrast", "kernel", "combined")
"""Methods that keep embeddings of labelled texts."""
ON_ANSWERS = """A strategy may have chosen the answered texts because they are hard: then AUROC is
probably higher on other texts, and FPR95 lower. But the encoder was trained on some of them, which
has the opposite effect. Answers in an evaluation sample show how it really is."""
"""About AUROC and FPR95 that were measured on answered texts, by cross-validation."""
LIMITS = """It knows only the classes above, and predicts one of them for any
text, even a meaningless one."""
REJECTS = """It knows only the classes above. It rejects
texts like those that people said belong to none of them; others may still get a class."""


def rejection_text(metrics: Mapping[str, Any]) -> str:
    """A section of the card; empty if nothing was learned about texts of no class."""
    facts = metrics.get("rejection")
    if not facts:
        return ""
    return f"## Texts of no class\n\n{_body(facts)}\n\n"


def limits_text(metrics: Mapping[str, Any]) -> str:
    """What the model does with texts of no class, in a sentence or two.

    Where a text may have several classes, a text of no class is like any other.
    """
    if "micro_f1" in metrics:
        return "It knows only the classes above."
    return REJECTS if "method" in metrics.get("rejection", {}) else LIMITS


def _body(facts: Mapping[str, Any]) -> str:
    if "left_out" in facts:
        return f"The model rejects no text: {facts['left_out']}."
    learned = f"{facts['n_none']:,} texts that people said belong to none of the classes"
    if facts["by_classes"]:
        learned = "classes that were left out, as there were too few texts of no class"
    above = (
        f"A text is rejected if its score is above {facts['threshold']:.4g}, which keeps "
        f"{facts['keep']:.0%} of the texts with a class in {facts['set_on']}."
    )
    if facts["set_on_answers"]:
        above += (
            " A strategy may have chosen these texts because they are hard, and the encoder was "
            "trained on them: of other texts, more or fewer may be kept."
        )
    stored = (
        " `rejection.safetensors` contains embeddings of labelled texts, but not the texts."
        if facts["method"] in EMBEDDINGS
        else ""
    )
    return (
        f"The score by which the model rejects a text was learned from {learned}: "
        f"{METHODS[facts['method']]}. {above}{stored}\n\n{separation_text(facts)}"
    )


def separation_text(facts: Mapping[str, Any]) -> str:
    """How well the score separates texts, and on what that was measured."""
    counts = f"{facts['n_none_measured']:,} of no class, {facts['n_with_class']:,} others"
    text = (
        f"On {facts['measured_on']} ({counts}): AUROC {facts['auroc']:.3f}"
        f"{_interval(facts['auroc_interval'])}; where 95% of the texts with a class are kept, "
        f"{facts['fpr95']:.1%}{_interval(facts['fpr95_interval'], '.1%')} of those of no class "
        "are kept, too (FPR95)."
    )
    if facts["measured_on_answers"]:
        text += f" {ON_ANSWERS}"
    if "accuracy" in facts:
        text += (
            f" At the threshold, {facts['kept']:.1%} of the texts with a class are kept, and "
            f"{facts['rejected']:.1%} of the others are rejected. If a text of no class counts as "
            f"right where it is rejected, and one with a class as wrong, the accuracy is "
            f"{facts['accuracy']:.3f}; without rejection, it is {facts['accuracy_without']:.3f}."
        )
    return text


def _interval(ends: Sequence[float], form: str = ".3f") -> str:
    return f" (90% interval {ends[0]:{form}} to {ends[1]:{form}})"
