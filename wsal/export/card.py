"""The model card: what a stranger needs to know to use the model, or not to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("predict_onnx.py")
"""Copied beside the model; it needs nothing of wsal."""

WITH_RULES = "pretrained on labels that rules gave, then fine-tuned on"
WITHOUT_RULES = "fine-tuned, without rules, on"

CARD = """---
library_name: transformers
pipeline_tag: text-classification
tags: [wsal, product-classification]
---

# Product text classifier, {n_classes} classes

A fine-tuned encoder with a classification head, made by [wsal](https://pypi.org/project/wsal/):
{training} {n_gold} gold labels that the model
asked for. It tells apart: {classes}.

## Use it

```python
from transformers import pipeline

classify = pipeline("text-classification", ".")  # this folder
classify("a product title", truncation=True)  # without truncation, long texts fail
```
{onnx}
`wsal predict FOLDER INPUT OUTPUT` labels a table of any size, `wsal serve FOLDER` answers
over HTTP. The text is {fields}; it is cut at {max_length} word pieces.

## Quality

{quality}

## Probabilities and thresholds

{calibration}

## Files

{files}

## Data

| | |
|---|---|
| texts in the pool | {n_pool:,} (each text once, {n_duplicates:,} duplicates merged) |
| rules | {n_rules}, coverage {coverage:.3f} |
| gold labels spent | {n_gold} |

`metrics.json` has the configuration that this was made with, and the digests of its inputs.

## Limits

Trained on short product text of one catalogue: other catalogues, languages and classes need a
measurement of their own. It knows no other class than these, and names one for any text, sense
or nonsense. Classes with few rows in the table above are the least certain.
"""
CROSS_FITTED = (
    "\n\nThere was no test split: the same texts set the temperature and the thresholds. For the "
    "numbers above, each fifth of them was therefore judged by what the other four fifths set."
)
ONNX = """
Or without torch, by `pip install onnxruntime tokenizers numpy`, in this folder:

```bash
python predict_onnx.py "a product title" "another one"
```
"""
FILES = {
    "model.safetensors, config.json, tokenizer.json": "the model, as transformers loads it",
    "onnx/model.onnx": "fp32; `input_ids`, `attention_mask` (batch, length) to `logits`",
    "onnx/model_int8.onnx": "the same, rounded to int8",
    "onnx/model_fp16.onnx": "the same in half precision, for GPUs",
    "torch/model.pt2": "`torch.export.load(PATH).module()(input_ids, attention_mask)`",
    "openvino/openvino_model.xml": "for OpenVINO",
    "labels.json": "class names in the order of the logits",
    "thresholds.json": "for each class the least probability at which to trust it",
    "metrics.json, parity.json": "what was measured",
}


def model_card(
    about: Mapping[str, Any],
    metrics: Mapping[str, Any],
    limits: Mapping[str, Any],
    parity: Mapping[str, Any],
    max_length: int,
) -> str:
    """The card as Markdown, from what metrics.json, thresholds.json and parity.json hold."""
    formats = parity["formats"]
    fields, names = about["text_fields"], about["labels"]
    said = f"the field `{fields[0]}`"
    if len(fields) > 1:
        joined = ", ".join(f"`{name}`" for name in fields)
        said = f"the fields {joined}, joined by `{about['separator']}`, a missing one left out"
    return CARD.format(
        n_classes=len(names), n_gold=metrics["n_gold"], max_length=max_length,
        classes=", ".join(names[:20]) + (", ..." if len(names) > 20 else ""),
        onnx=ONNX if _written(formats, "onnx/model.onnx") else "", fields=said,
        quality=_quality(metrics, limits), calibration=_calibration(metrics, limits),
        files=_files(formats, parity), n_pool=about["n_pool"], n_rules=about["n_rules"],
        training=WITH_RULES if about["coverage"] else WITHOUT_RULES,
        n_duplicates=about["n_duplicates"], coverage=about["coverage"],
    )  # fmt: skip


def _quality(metrics: Mapping[str, Any], limits: Mapping[str, Any]) -> str:
    if metrics["measured_on"] is None:
        return "There was no gold to measure on: measure before you trust it."
    rows = [
        f"| {name} | {m['precision']:.3f} | {m['recall']:.3f} | {m['f1']:.3f} | {m['n']:,} "
        f"| {_limit(limits, name)} |"
        for name, m in metrics["classes"].items()
    ]
    numbers = [
        f"{said} {metrics[name]:.3f}" + _interval(metrics.get(f"{name}_interval"))
        for name, said in (("macro_f1", "macro-F1"), ("accuracy", "accuracy"))
    ]
    return (
        f"On {metrics['measured_on']} ({metrics['n_texts']:,} rows, never trained on): "
        f"{', '.join(numbers)}.\n\n"
        "| class | precision | recall | F1 | rows | threshold |\n|---|---|---|---|---|---|\n"
        + "\n".join(rows)
    )


def _interval(ends: Sequence[float] | None) -> str:
    return f" (90% interval {ends[0]:.3f} to {ends[1]:.3f})" if ends else ""


def _limit(limits: Mapping[str, Any], name: str) -> str:
    known = limits["classes"].get(name)
    if known is None:
        return ""
    return "never" if known["threshold"] is None else f"{known['threshold']:.3f}"


def _calibration(metrics: Mapping[str, Any], limits: Mapping[str, Any]) -> str:
    if metrics["calibrated_on"] is None:
        return (
            "There was neither a dev split nor an evaluation sample: probabilities are not "
            "calibrated, and no class has a threshold."
        )
    return (
        f"Logits were divided by {metrics['temperature']:.3f}, set on {metrics['calibrated_on']}; "
        "that is inside the last layer, so that every runtime gives calibrated probabilities. "
        f"Expected calibration error on {metrics['measured_on']}: "
        f"{metrics['calibration_error_before']:.3f} before, {metrics['calibration_error']:.3f} "
        "after.\n\n"
        "Treat a prediction below its class's threshold as an abstention. Thresholds were set "
        f"so that at or above them {limits['precision']:.0%} of the predictions on "
        f"{limits['measured_on']} were right. {_at_thresholds(metrics)} Never: the class does not "
        "reach that." + (CROSS_FITTED if metrics["cross_fitted"] else "")
    )


def _at_thresholds(metrics: Mapping[str, Any]) -> str:
    reached = metrics["at_thresholds"]
    share = f"On {metrics['measured_on']}, {reached['share']:.1%} of the texts reach theirs"
    if reached["precision"] is None:
        return f"{share}."
    return f"{share}, and {reached['precision']:.1%} of these are right."


def _files(formats: Mapping[str, Any], parity: Mapping[str, Any]) -> str:
    rows = ["| file | what it is | same label as torch | largest difference of a logit |"]
    rows += ["|---|---|---|---|"]
    measured = {one["file"]: one for one in formats.values()}
    for file, what in FILES.items():
        one = measured.get(file)
        if one and "left_out" not in one:
            near = f"{one['agreement']:.2%} | {one['largest_difference']:.1e}"
            rows.append(f"| `{file}` | {what} | {near} |")
        elif one:
            rows.append(f"| `{file}` | left out: {one['left_out']} | | |")
        elif "/" not in file:
            rows.append(f"| `{file}` | {what} | | |")
    on = f"{parity['compared_on']} and {parity['n_hard_inputs']} hard inputs"
    return "\n".join(rows) + f"\n\nCompared on {on}, alone and in padded batches."


def _written(formats: Mapping[str, Any], file: str) -> bool:
    return any(one["file"] == file and "left_out" not in one for one in formats.values())
