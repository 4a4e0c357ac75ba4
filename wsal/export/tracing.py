"""The classifier as a torch module that exporters can trace."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wsal.classifier.encoder import Classifier
from wsal.classifier.inference import mean_embedding

INPUTS = ("input_ids", "attention_mask")


class _LogitsAndEmbedding(torch.nn.Module):
    """The model as a function of named tensors to logits and unit embeddings."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = self.model(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        )
        return outputs.logits, mean_embedding(outputs.hidden_states[-1], attention_mask)


class _Logits(torch.nn.Module):
    """The model as a function of named tensors to logits."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def traceable(
    classifier: Classifier, *, with_embedding: bool = False
) -> tuple[torch.nn.Module, tuple, dict[str, Any]]:
    """A module from `INPUTS` to logits, example inputs, and which of their axes are dynamic.

    With `with_embedding` it returns unit embeddings after the logits.
    """
    wrapper = _LogitsAndEmbedding if with_embedding else _Logits
    # The wrapper has to be in eval mode, too: in train mode, exporters keep dropout in the graph.
    module = wrapper(classifier.model.to("cpu").eval()).eval()
    # Two texts, since an axis of size 1 would be taken as fixed.
    tokens = classifier.tokens(["one short text", "another text, longer by far"])
    batch = classifier.pad([tokens[0], tokens[1]])
    axes = {
        0: torch.export.Dim("batch", min=1, max=4096),
        1: torch.export.Dim("length", min=2, max=classifier.encoder.max_length),
    }
    return module, tuple(batch[name] for name in INPUTS), dict.fromkeys(INPUTS, axes)


@contextmanager
def silent() -> Iterator[None]:
    """Without torch's warnings about its own deprecations, and onnxruntime's advice."""
    loggers = [logging.getLogger("torch.onnx"), logging.getLogger()]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
