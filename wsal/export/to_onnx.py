"""The classifier as ONNX."""

import logging
import warnings
from pathlib import Path

import torch

from wsal.classifier.encoder import Classifier


class _Logits(torch.nn.Module):
    """The model as a function of named tensors to logits, as ONNX wants it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def to_onnx(classifier: Classifier, path: Path) -> None:
    """Write `path`: inputs `input_ids`, `attention_mask` (batch, length), output `logits`.

    Batch and length are dynamic. The example has two rows: with one, its size is taken as fixed.
    """
    wrapper = _Logits(classifier.model.to("cpu").eval()).eval()  # in train mode: dropout for ever
    tokens = classifier.tokens(["one short text", "another text, longer by far"])
    example = classifier.pad([tokens[0], tokens[1]])
    batch = torch.export.Dim("batch", min=1, max=4096)
    length = torch.export.Dim("length", min=2, max=classifier.encoder.max_length)
    names = ("input_ids", "attention_mask")
    with warnings.catch_warnings():  # of deprecations inside torch, and of torchvision's absence
        warnings.simplefilter("ignore")
        logger = logging.getLogger("torch.onnx")
        level = logger.level
        logger.setLevel(logging.ERROR)
        program = torch.onnx.export(
            wrapper,
            tuple(example[name] for name in names),
            dynamo=True,
            verbose=False,
            input_names=list(names),
            output_names=["logits"],
            dynamic_shapes={name: {0: batch, 1: length} for name in names},
            external_data=False,
        )
        logger.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    for node in program.model.graph:  # where each node came from: file paths of this machine
        node.metadata_props.clear()
    program.save(path, external_data=False)
