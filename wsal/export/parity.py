"""Whether ONNX gives what torch gives."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from wsal.classifier.encoder import Classifier
from wsal.errors import ParityError

HARD = (
    "",
    " ",
    "a",
    "1",
    "word " * 10_000,
    "😀 👩‍👩‍👧",
    "\x00\x07control",
    "日本語の商品名",
    "حقيبة",
    "a\nb\tc",
)
BATCH = 32


def check_parity(
    classifier: Classifier, path: Path, texts: Sequence[str], tolerance: float
) -> dict[str, Any]:
    """Compare logits on the texts and on hard inputs, alone and in padded batches of 32.

    Gives back `n_texts`, `largest_difference` (of any logit) and `n_other_labels` (0).

    Raises:
        ParityError: a logit differs by more than `tolerance`, or an argmax differs.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tokens = classifier.tokens([*HARD, *texts])
    ids = [tokens[row] for row in range(len(tokens))]
    batches = [[one] for one in ids[: len(HARD) + 1]]
    batches += [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    largest, n_other = 0.0, 0
    for chunk in batches:
        inputs = classifier.pad(chunk)
        with torch.inference_mode():
            expected = classifier.model(**inputs).logits.numpy()
        found = session.run(["logits"], {name: value.numpy() for name, value in inputs.items()})[0]
        largest = max(largest, float(np.abs(found - expected).max()))
        n_other += int((found.argmax(axis=1) != expected.argmax(axis=1)).sum())
    if not largest <= tolerance or n_other:
        raise ParityError(
            f"{path.name} differs from torch by up to {largest:.2e} in a logit (tolerance "
            f"{tolerance:g}) and in {n_other} of {len(ids)} labels; nothing was exported"
        )
    return {"n_texts": len(ids), "largest_difference": largest, "n_other_labels": n_other}
