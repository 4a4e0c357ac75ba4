"""Labels for texts.

    python predict_onnx.py "a text" "another"
    python predict_onnx.py < one_text_a_line.txt

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
    """The exported folder: `Model().predict(["a text"])` -> [("a label", 0.98)]."""

    def __init__(self, folder: Path = HERE) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["wsal"]
        self.labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.pad_id = config["pad_id"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(config["max_length"])
        self.session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")

    def predict(self, texts: list[str], at_once: int = 32) -> list[tuple[str, float]]:
        """The label of each text and its probability."""
        answers: list[tuple[str, float]] = []
        for first in range(0, len(texts), at_once):
            found = [one.ids for one in self.tokenizer.encode_batch(texts[first : first + at_once])]
            pieces = np.full((len(found), max(map(len, found))), self.pad_id, dtype=np.int64)
            mask = np.zeros_like(pieces)
            for row, ids in enumerate(found):
                pieces[row, : len(ids)], mask[row, : len(ids)] = ids, 1
            given = {"input_ids": pieces, "attention_mask": mask}
            logits = self.session.run(["logits"], given)[0]
            raised = np.exp(logits - logits.max(axis=1, keepdims=True))
            probs = raised / raised.sum(axis=1, keepdims=True)
            answers += [(self.labels[int(one.argmax())], float(one.max())) for one in probs]
        return answers


if __name__ == "__main__":
    given = sys.argv[1:] or sys.stdin.read().splitlines()
    for text, (label, probability) in zip(given, Model().predict(given), strict=True):
        print(f"{label}\t{probability:.3f}\t{text}")
