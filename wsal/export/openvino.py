"""The classifier for OpenVINO."""

from pathlib import Path
from typing import Any

from wsal.artifacts import Facts
from wsal.errors import ConfigError
from wsal.export.exporters import OpenVino
from wsal.export.given import Given
from wsal.export.to_onnx import INPUTS, fp32, within


def export_openvino(given: Given, wanted: OpenVino) -> Facts:
    """Write `openvino/openvino_model.xml` and `.bin`, if they give what torch gives.

    Raises:
        ConfigError: openvino is not installed. ParityError: it differs from torch.
    """
    try:
        import openvino  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError(
            "the exporter OpenVino needs a package that is not installed: `pip install "
            "wsal[openvino]`, or leave it out with export=default"
        ) from error
    source, _ = fp32(given, wanted.tolerance)
    target = given.out / "openvino" / "openvino_model.xml"
    openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)
    told = within(given, openvino_run(target), wanted.tolerance, target)
    return {"file": "openvino/openvino_model.xml", **told}


def openvino_run(path: Path) -> Any:  # noqa: ANN401  a Run
    """The model as a function of arrays, in fp32."""
    import openvino  # noqa: PLC0415

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(*inputs: Any) -> Any:  # noqa: ANN401  arrays
        return compiled(dict(zip(INPUTS, inputs, strict=True)))["logits"]

    return run
