"""Labels for texts.

    python predict_onnx.py "a text" "another"
    python predict_onnx.py < one_text_per_line.txt

Needs this folder and `pip install onnxruntime tokenizers numpy`, nothing else.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent


class Model:
    """The exported folder: `Model().predict(["a text"])` -> [("a label", 0.98)].

    Where a text may have several labels, they are joined by " | ", and the probability is the
    lowest of theirs: 0 if there are none.
    """

    def __init__(self, folder: Path = HERE) -> None:
        model = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = model["wsal"]
        self.labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.limits: list[float] | None = None
        if model.get("problem_type") == "multi_label_classification":
            thresholds = json.loads((folder / "thresholds.json").read_text(encoding="utf-8"))
            limits = [thresholds["classes"][label]["threshold"] for label in self.labels]
            self.limits = [2.0 if limit is None else limit for limit in limits]  # 2: never
        self.pad_id = config["pad_id"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_padding(pad_id=self.pad_id)
        self.tokenizer.enable_truncation(config["max_length"])
        self.session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")

    def predict(self, texts: list[str], batch_size: int = 32) -> list[tuple[str, float]]:
        """The label of each text and its probability."""
        predictions: list[tuple[str, float]] = []
        for start in range(0, len(texts), batch_size):
            encodings = self.tokenizer.encode_batch(texts[start : start + batch_size])
            inputs = {
                "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
                "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
            }
            logits = self.session.run(["logits"], inputs)[0]
            if self.limits is not None:
                predictions += [self._named(row) for row in 0.5 * (1 + np.tanh(0.5 * logits))]
                continue
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            probs = exponentials / exponentials.sum(axis=1, keepdims=True)
            predictions += [(self.labels[int(row.argmax())], float(row.max())) for row in probs]
        return predictions

    def _named(self, probs: np.ndarray) -> tuple[str, float]:
        """The labels that reach their thresholds."""
        above = np.flatnonzero(probs >= self.limits)
        names = " | ".join(self.labels[label] for label in above) or "none of these"
        return names, float(probs[above].min()) if len(above) else 0.0


if __name__ == "__main__":
    texts = sys.argv[1:] or sys.stdin.read().splitlines()
    for text, (label, probability) in zip(texts, Model().predict(texts), strict=True):
        print(f"{label}\t{probability:.3f}\t{text}")
