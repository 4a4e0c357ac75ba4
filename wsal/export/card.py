"""The model card: what a stranger needs to know to use the model, or not to."""

from collections.abc import Mapping
from typing import Any

CARD = """---
library_name: transformers
pipeline_tag: text-classification
tags: [wsal, product-classification]
---

# Product text classifier, {n_classes} classes

A fine-tuned encoder with a classification head, made by [wsal](https://pypi.org/project/wsal/):
pretrained on labels that rules gave, then fine-tuned on {n_gold} gold labels that the model
asked for.

```python
from transformers import pipeline

classify = pipeline("text-classification", "{folder}")
classify("a product title", truncation=True)  # without truncation, long texts fail
```

`wsal predict {folder} INPUT OUTPUT` labels a table. The text is the fields {fields}, joined by
`{separator}`, a missing one left out; it is cut at {max_length} word pieces.
{onnx}
## Data

| | |
|---|---|
| texts in the pool | {n_pool} (each text once, {n_duplicates} duplicates merged) |
| rules | {n_rules}, coverage {coverage:.3f} |
| gold labels spent | {n_gold} |

## Quality

{quality}

## Limits

Trained on short product text of one catalogue: other catalogues, languages and classes need a
measurement of their own. Probabilities are not calibrated. Classes with few texts in the table
above are the least certain.
"""


def model_card(facts: Mapping[str, Any]) -> str:
    """The card as Markdown. `facts` holds the fields of `CARD`; `metrics` may be None."""
    metrics = facts["metrics"]
    if metrics is None:
        quality = "There was no gold to measure on: measure before you trust it."
    else:
        rows = [
            f"| {name} | {m['precision']:.3f} | {m['recall']:.3f} | {m['f1']:.3f} | {m['n']} |"
            for name, m in metrics["classes"].items()
        ]
        quality = (
            f"On the {facts['split']} split ({metrics['n_texts']} rows, never trained on): "
            f"macro-F1 {metrics['macro_f1']:.3f}, accuracy {metrics['accuracy']:.3f}, "
            f"calibration error {metrics['calibration_error']:.3f}.\n\n"
            "| class | precision | recall | F1 | rows |\n|---|---|---|---|---|\n" + "\n".join(rows)
        )
    onnx = ""
    if facts["parity"]:
        onnx = (
            "\n`model.onnx` takes `input_ids` and `attention_mask` of any batch and length and "
            f"gives `logits`; on {facts['parity']['n_texts']} texts it differs from torch by "
            f"at most {facts['parity']['largest_difference']:.1e}.\n"
        )
    return CARD.format(**{**facts, "quality": quality, "onnx": onnx})
