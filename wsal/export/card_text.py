"""The words of the model card."""

CARD = """---
library_name: transformers
pipeline_tag: text-classification
tags: [wsal, product-classification{tag}]
---

# Product text classifier, {n_classes} classes{per_text}

A text encoder with a classification head, {training},
made with [wsal](https://pypi.org/project/wsal/). {about_classes} {classes}.

## Use it

```python
from transformers import pipeline

classify = pipeline("text-classification", "."{options})  # this folder
classify("a product title", truncation=True)  # without truncation, long texts fail
```
{naming}{onnx}
`wsal predict FOLDER INPUT OUTPUT` labels a table of any size, and `wsal serve FOLDER` answers
over HTTP. The text is {fields}; at most {max_length} word pieces of it are used.

## Quality

{quality}

## Probabilities and thresholds

{calibration}
{tree}
{rejection}## Files

{files}

## Data

| | |
|---|---|
| texts in the pool | {n_pool:,} ({n_duplicates:,} duplicates were merged) |
| rules | {n_rules}, coverage {coverage:.3f} |
| gold labels used for training | {n_gold:,} |{answers}

{nearest}`metrics.json` contains the configuration of the training and the digests of its inputs.

## Limits

The model was trained on short product texts of one catalogue: measure it again before you use it
on other catalogues or languages. {limits} Its quality is
least certain for classes with {few}.
"""
ANSWERS = "\n| answers of a language model used for training | {:,} |"
WITH_ANSWERS = """ `wsal run` and the report also use the language model's answers in these \
estimates, so their figures may differ."""
CROSS_FITTED = """

There was no test split, so the same texts set the temperature and the thresholds. For the numbers
above, each fifth of them was therefore evaluated with what the other four fifths set."""
CLASSES_PLOT = """

![F1 of each class as a point, with its 90% interval as a line: the numbers are in the table above\
](plots/classes.png)"""
PROBABILITIES_PLOT = """

![Left: the share of right predictions against their probability, close to the diagonal if the \
probabilities can be trusted. Right: the share of errors among the texts that are accepted, if \
only the most probable are.](plots/probabilities.png)

Both plots show {measured_on}, with 90% intervals; `metrics.json` has the numbers."""
NEAREST = """**This folder contains {n:,} texts that people labelled**, in `nearest/`: the page of \
`wsal serve` shows those that are most like a text. Delete this folder if others may not read them.

"""
ONNX = """
Or without torch, after `pip install onnxruntime tokenizers numpy`, in this folder:

```bash
python predict_onnx.py "a product title" "another one"
```
"""
TREE = """
## Class tree

The classes are the leaves of a tree with {n_parents:,} parents (`classes.json`; {n_levels} levels).
The probability of a parent is the sum over the classes below it. Besides the likeliest class,
`wsal predict` and `wsal serve` name the deepest node that reaches its threshold, of this class and
the parents above it: `trusted`. {thresholds}
"""
TREE_THRESHOLDS = """A threshold is the lowest probability at which the precision on
{measured_on} is at least {precision:.0%} by the lower end of its 90% interval. A text
counts for a node if no deeper node is trusted. Nodes with too few texts have the threshold of their
siblings or of their level (`basis`); a node that never reaches the precision is never trusted."""
TREE_NO_THRESHOLDS = """There was no gold to set thresholds, so no node is trusted."""
MULTILABEL = {
    "tag": ", multi-label",
    "per_text": ", several per text",
    "about_classes": "A text may have any number of these classes, or none:",
    "options": ", top_k=None",
    "naming": """
Name the classes whose probability reaches the threshold in `thresholds.json`, as the commands below
do.
""",
}
"""What the card says where a text may have several classes."""
SINGLE_LABEL = {
    "tag": "",
    "per_text": "",
    "about_classes": "The classes are",
    "options": "",
    "naming": "",
}
"""The same where a text has one class."""
MEANS_OF_SETS = {
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "example_f1": "F1 of texts (example-F1)",
    "map": "mean average precision",
    "accuracy": "share of texts whose set of classes is exactly right",
}
UNCALIBRATED_SETS = """There was neither a dev split nor an evaluation sample, so probabilities are
not calibrated. Each threshold is where the F1 expected from the probabilities is highest."""
CALIBRATED_SETS = """The logits are divided by a temperature of {temperature:.3f}, and a bias for
each class is added; both were fitted on {calibrated_on}. This is part of the last
layer, so every runtime returns calibrated probabilities. Each threshold is {how}.
The figures above are at these thresholds; `wsal run` measures at thresholds set without gold."""
SHARED = """A class with fewer than {least} predictions there has a threshold that was set on all \
classes together (*shared*), so its own precision may be lower: `thresholds.json` has it, with the \
number of predictions. """
SHARED_IN_TREE = """A class with too few texts to show this has a threshold that was set together \
with other classes (*shared*), so its own precision may be lower. """
FILES = {
    "model.safetensors, config.json, tokenizer.json": "the model, for transformers",
    "labels.json": "class names in the order of the logits",
    "thresholds.json": "for each class, the lowest probability at which to trust it",
    "metrics.json, parity.json": "quality, and agreement of the formats below with torch",
}
FORMATS = {
    "onnx/model.onnx": "fp32; `input_ids`, `attention_mask` (batch, length) to `logits`",
    "onnx/model_int8.onnx": "the same in int8",
    "onnx/model_fp16.onnx": "the same in half precision, for GPUs",
    "torch/model.pt2": "`torch.export.load(PATH).module()(input_ids, attention_mask)`",
    "openvino/openvino_model.xml": "for OpenVINO",
}
