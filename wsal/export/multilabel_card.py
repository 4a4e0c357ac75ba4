"""The model card where a text may have several classes."""

from collections.abc import Mapping, Sequence
from typing import Any

CARD = """---
library_name: transformers
pipeline_tag: text-classification
tags: [wsal, product-classification, multi-label]
---

# Product text classifier, {n_classes} classes, several per text

A text encoder with a classification head, trained on weak labels from {n_rules} rules (coverage
{coverage:.3f}) and {n_gold:,} gold labels, made with [wsal](https://pypi.org/project/wsal/). A text
has any number of the classes, or none: {classes}.

## Use it

```python
from transformers import pipeline

classify = pipeline("text-classification", ".", top_k=None)  # this folder; all probabilities
classify("a product title", truncation=True)
```

Name the classes whose probability reaches the threshold in `thresholds.json`. `wsal predict FOLDER
INPUT OUTPUT` and `wsal serve FOLDER` do so. The text is made of {fields}; at most {max_length} word
pieces of it are used.

## Quality

{quality}

## Probabilities and thresholds

{calibration}

## Files

The formats were compared with torch on {compared_on} and {n_hard} hard inputs.

| format | file | same classes as torch |
|---|---|---|
{formats}

## Limits

The model was trained on short product texts of one catalogue: measure it again before you use it
on other catalogues or languages. Its quality is least certain for classes with few rows in the
table.
"""
TITLES = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "example_f1": "F1 of texts (example-F1)",
    "map": "mean average precision",
    "accuracy": "share of texts whose set of classes is exactly right",
}


def multilabel_card(
    about: Mapping[str, Any],
    metrics: Mapping[str, Any],
    thresholds: Mapping[str, Any],
    parity: Mapping[str, Any],
    max_length: int,
) -> str:
    """The card as Markdown, from the contents of metrics.json, thresholds.json and parity.json."""
    formats = []
    for name, facts in parity["formats"].items():
        agreement = facts.get("left_out") or format(facts["agreement"], ".2%")
        formats.append(f"| {name} | `{facts['file']}` | {agreement} |")
    return CARD.format(
        n_classes=len(about["labels"]),
        classes=", ".join(about["labels"]),
        n_rules=about["n_rules"],
        coverage=about["coverage"],
        n_gold=metrics["n_gold"],
        fields=", ".join(f"`{name}`" for name in about["text_fields"]),
        max_length=max_length,
        quality=_quality(metrics, thresholds),
        calibration=_calibration(metrics, thresholds),
        compared_on=parity["compared_on"],
        n_hard=parity["n_hard_inputs"],
        formats="\n".join(formats) or "| torch | `model.safetensors` | |",
    )


def _quality(metrics: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    if metrics["measured_on"] is None:
        return (
            "There were no gold labels to measure quality on: measure it before you rely on the "
            "model."
        )
    lines = [
        f"- {title}: {metrics[name]:.3f}{_interval(metrics.get(f'{name}_interval'))}"
        for name, title in TITLES.items()
    ]
    rows = [
        f"| {name} | {m['precision']:.3f} | {m['recall']:.3f} | {m['f1']:.3f} "
        f"| {m['average_precision']:.3f} | {m['n']:,} | {_threshold(thresholds, name)} |"
        for name, m in metrics["classes"].items()
    ]
    fitted = (
        "\n\nThese texts also set the thresholds, so each fifth of them was measured with what the "
        "other four fifths set."
        if metrics["cross_fitted"]
        else ""
    )
    return (
        f"On {metrics['measured_on']} ({metrics['n_texts']:,} rows, never trained on):\n\n"
        + "\n".join(lines)
        + fitted
        + "\n\n| class | precision | recall | F1 | average precision | rows | threshold |\n"
        + "|---|---|---|---|---|---|---|\n"
        + "\n".join(rows)
    )


def _interval(ends: Sequence[float] | None) -> str:
    return f" (90% interval {ends[0]:.3f} to {ends[1]:.3f})" if ends else ""


def _threshold(thresholds: Mapping[str, Any], name: str) -> str:
    of_class = thresholds["classes"].get(name)
    if of_class is None:
        return ""
    return "never" if of_class["threshold"] is None else f"{of_class['threshold']:.3f}"


def _calibration(metrics: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    if metrics["calibrated_on"] is None:
        return (
            "There was neither a dev split nor an evaluation sample, so probabilities are not "
            "calibrated. Each threshold is where the F1 that the probabilities lead to expect is "
            "highest."
        )
    how = "where the F1 to be expected is highest"
    if thresholds["target"] == "precision":
        how = f"the lowest probability with a precision of {thresholds['precision']:.0%}"
    return (
        f"The logits are divided by a temperature of {metrics['temperature']:.3f}, and a number "
        f"for each class is added, both set on {metrics['calibrated_on']}; this is part of the "
        f"last layer. Each threshold is {how}."
    )
