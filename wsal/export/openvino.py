"""OpenVINO's own files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsal.artifacts import Facts
from wsal.export.base import ExportContext, Run
from wsal.export.onnx import fp32_onnx
from wsal.extras import require
from wsal.settings import Rate


@dataclass(frozen=True)
class OpenVino:
    """`openvino/openvino_model.xml` and `.bin`, fp32."""

    tolerance: Rate = 1e-3
    """Largest difference allowed between a logit of OpenVINO and of torch."""

    def export(self, context: ExportContext) -> Facts:
        """Write both files.

        Raises:
            ConfigError: openvino is not installed.
            ParityError: a logit differs by more than `tolerance`, or a label differs.
        """
        require("openvino", extra="openvino", why="the export format openvino")
        import openvino

        source, _ = fp32_onnx(context, self.tolerance)
        target = context.out / "openvino" / "openvino_model.xml"
        openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)
        parity = context.require_parity(_openvino_run(target), self.tolerance, target)
        return {"file": "openvino/openvino_model.xml", **parity}


def _openvino_run(path: Path) -> Run:
    """The model as a function of arrays, in fp32."""
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401  arrays
        return compiled({"input_ids": input_ids, "attention_mask": attention_mask})["logits"]

    return run
