"""The classifier as a graph: ONNX in fp32, a repository for Triton, torch's own export."""

import logging
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch

from wsal.artifacts import Facts
from wsal.classifier.encoder import Classifier
from wsal.errors import ParityError
from wsal.export.exporters import Triton
from wsal.export.given import Given, Run

INPUTS = ("input_ids", "attention_mask")
CONFIG = """name: "{name}"
platform: "onnxruntime_onnx"
max_batch_size: {max_batch_size}
input [
  {{ name: "input_ids" data_type: TYPE_INT64 dims: [ -1 ] allow_ragged_batch: false }},
  {{ name: "attention_mask" data_type: TYPE_INT64 dims: [ -1 ] allow_ragged_batch: false }}
]
output [
  {{ name: "logits" data_type: TYPE_FP32 dims: [ {n_classes} ] label_filename: "labels.txt" }}
]
dynamic_batching {{ max_queue_delay_microseconds: {queue_microseconds} }}
"""


class _Logits(torch.nn.Module):
    """The model as a function of named tensors to logits."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def export_fp32(given: Given, tolerance: float) -> Facts:
    """Write `onnx/model.onnx`, if it gives what torch gives."""
    made, told = fp32(given, tolerance)
    target = given.out / "onnx" / "model.onnx"
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(made, target)
    return {"file": "onnx/model.onnx", **told, **described(target)}


def export_triton(given: Given, wanted: Triton) -> Facts:
    """Write `triton/NAME/1/model.onnx`, `config.pbtxt`, `labels.txt`."""
    made, told = fp32(given, wanted.tolerance)
    folder = given.out / "triton" / wanted.name
    (folder / "1").mkdir(parents=True)
    shutil.copyfile(made, folder / "1" / "model.onnx")
    names = given.classifier.model.config.id2label
    filled = CONFIG.format(
        name=wanted.name, max_batch_size=wanted.max_batch_size, n_classes=len(names),
        queue_microseconds=wanted.queue_microseconds,
    )  # fmt: skip
    (folder / "config.pbtxt").write_text(filled)
    (folder / "labels.txt").write_text("".join(f"{names[i]}\n" for i in range(len(names))))
    return {"file": f"triton/{wanted.name}", **told}


def export_pt2(given: Given, tolerance: float) -> Facts:
    """Write `torch/model.pt2`, if it gives what torch gives."""
    target = given.out / "torch" / "model.pt2"
    target.parent.mkdir()
    wrapper, example, shapes = _traced(given.classifier)
    with silent():
        program = torch.export.export(wrapper, example, dynamic_shapes=shapes)
        torch.export.save(program, target)
        module = torch.export.load(target).module()

    def run(*inputs: Any) -> Any:  # noqa: ANN401  arrays
        with torch.inference_mode():
            return module(*(torch.from_numpy(one) for one in inputs)).numpy()

    return {"file": "torch/model.pt2", **within(given, run, tolerance, target)}


def fp32(given: Given, tolerance: float) -> tuple[Path, Facts]:
    """The fp32 file, made once for all exporters that begin with it, and how near it is."""
    path = given.scratch / "model.onnx"
    if not path.exists():
        to_onnx(given.classifier, path)
    return path, within(given, onnx_run(path), tolerance, path)


def within(given: Given, run: Run, tolerance: float, path: Path) -> Facts:
    """How near `run` is to torch.

    Raises:
        ParityError: a logit differs by more than `tolerance`, or a label differs.
    """
    told = given.compared(run)
    if not told["largest_difference"] <= tolerance or told["n_other_labels"]:
        raise ParityError(
            f"{path.name} differs from torch by up to {told['largest_difference']:.2e} in a logit "
            f"(tolerance {tolerance:g}) and in {told['n_other_labels']} labels; "
            "nothing was exported"
        )
    return told


def onnx_run(path: Path) -> Run:
    """The ONNX file as a function of arrays."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(*inputs: Any) -> Any:  # noqa: ANN401  arrays
        return session.run(["logits"], dict(zip(INPUTS, inputs, strict=True)))[0]

    return run


def to_onnx(classifier: Classifier, path: Path) -> None:
    """Write `path`: inputs `input_ids`, `attention_mask` (batch, length), output `logits`."""
    wrapper, example, shapes = _traced(classifier)
    with silent():
        program = torch.onnx.export(
            wrapper,
            example,
            dynamo=True,
            verbose=False,
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_shapes=shapes,
            external_data=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    for node in program.model.graph:  # where each node came from: file paths of this machine
        node.metadata_props.clear()
    program.save(path, external_data=False)


def described(path: Path) -> Facts:
    """Opset, and the axes of inputs and outputs: a name where any size is taken."""
    model = onnx.load(path, load_external_data=False)
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    ends = [*model.graph.input, *model.graph.output]
    return {"opset": opset, "axes": {one.name: _axes(one) for one in ends}}


def _axes(value: Any) -> Sequence[str | int]:  # noqa: ANN401  a ValueInfoProto
    return [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]


def _traced(classifier: Classifier) -> tuple[torch.nn.Module, tuple, dict]:
    """The module, an example and its dynamic axes. Two rows: with one, its size is taken as fixed.

    The wrapper is put into eval mode, too: in train mode, an exporter keeps dropout for ever.
    """
    wrapper = _Logits(classifier.model.to("cpu").eval()).eval()
    tokens = classifier.tokens(["one short text", "another text, longer by far"])
    example = classifier.pad([tokens[0], tokens[1]])
    batch = torch.export.Dim("batch", min=1, max=4096)
    length = torch.export.Dim("length", min=2, max=classifier.encoder.max_length)
    shapes = {name: {0: batch, 1: length} for name in INPUTS}
    return wrapper, tuple(example[name] for name in INPUTS), shapes


@contextmanager
def silent() -> Iterator[None]:
    """Without torch's warnings of its own deprecations, and onnxruntime's advice."""
    loggers = [logging.getLogger("torch.onnx"), logging.getLogger()]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
