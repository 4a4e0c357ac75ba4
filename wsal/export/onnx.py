"""ONNX in fp32, and what the formats that start from it share."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsal.artifacts import Facts
from wsal.export.base import ExportContext, Run
from wsal.settings import Rate

if TYPE_CHECKING:
    from wsal.classifier.encoder import Classifier


@dataclass(frozen=True)
class Onnx:
    """`onnx/model.onnx`: fp32, inputs `input_ids`, `attention_mask`, output `logits`.

    If the model rejects texts, there is a second output, `text_embedding` (batch, dims).
    """

    tolerance: Rate = 1e-3
    """Largest difference allowed between a logit of ONNX and of torch."""

    def export(self, context: ExportContext) -> Facts:
        """Write the file.

        Raises:
            ParityError: a logit differs by more than `tolerance`, or a label differs.
        """
        source, parity = fp32_onnx(context, self.tolerance)
        target = context.out / "onnx" / "model.onnx"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
        return {"file": "onnx/model.onnx", **parity, **_signature(target)}


def fp32_onnx(context: ExportContext, tolerance: float) -> tuple[Path, Facts]:
    """The fp32 file, written once for all formats that start from it, and its parity.

    Raises:
        ParityError: a logit differs by more than `tolerance`, or a label differs.
    """
    path = context.scratch / "model.onnx"
    if not path.exists():
        write_onnx(context.classifier, path, with_embedding=context.with_embedding)
    return path, context.require_parity(onnx_run(path), tolerance, path)


def onnx_run(path: Path) -> Run:
    """The ONNX file as a function of arrays."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401  arrays
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        return session.run(["logits"], inputs)[0]

    return run


def write_onnx(classifier: "Classifier", path: Path, *, with_embedding: bool = False) -> None:
    """Write `path`: inputs `input_ids`, `attention_mask` (batch, length), output `logits`.

    With `with_embedding`, there is a second output, `text_embedding`.
    """
    import torch

    from wsal.export.tracing import INPUTS, silent, traceable

    module, example, axes = traceable(classifier, with_embedding=with_embedding)
    with silent():
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            verbose=False,
            input_names=list(INPUTS),
            output_names=["logits", "text_embedding"] if with_embedding else ["logits"],
            dynamic_shapes=axes,
            external_data=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    for node in program.model.graph:
        # Where each node came from, that is, paths of this machine: the digest of an export would
        # depend on them.
        node.metadata_props.clear()
    program.save(path, external_data=False)


def _signature(path: Path) -> Facts:
    """Opset, and the axes of inputs and outputs: a name where any size is taken."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    values = [*model.graph.input, *model.graph.output]
    return {"opset": opset, "axes": {value.name: _axes(value) for value in values}}


def _axes(value: Any) -> Sequence[str | int]:  # noqa: ANN401  a ValueInfoProto
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
