"""The ONNX file in fewer bits, where it still says what torch says."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.calibrate import CalibrationDataReader
from onnxruntime.transformers.float16 import convert_float_to_float16

from wsal.artifacts import Facts
from wsal.export.exporters import OnnxFp16, OnnxInt8
from wsal.export.given import Given
from wsal.export.to_onnx import INPUTS, fp32, onnx_run, silent

BATCH = 16
FLOATS = {"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True}
"""A tensor whose type inference does not find is a float; only products with weights are rounded:
those of attention are small, and cost more to round than they save."""


def export_int8(given: Given, wanted: OnnxInt8) -> Facts:
    """Write `onnx/model_int8.onnx` by the first of `WAYS` that holds, or leave it out."""
    source, _ = fp32(given, float("inf"))
    tried: list[Facts] = []
    for way, rounded in WAYS.items():
        path = given.scratch / "model_int8.onnx"
        with silent():
            rounded(source, path, given, wanted)
        tried.append({"way": way, **_judged(path, given, wanted)})
        if tried[-1]["holds"]:
            return _kept(path, given) | tried[-1] | {"tried": tried[:-1]}
    return {"file": "onnx/model_int8.onnx", "left_out": _why(tried), "tried": tried}


def export_fp16(given: Given, wanted: OnnxFp16) -> Facts:
    """Write `onnx/model_fp16.onnx`, or leave it out."""
    source, _ = fp32(given, float("inf"))
    path = given.scratch / "model_fp16.onnx"
    with silent():
        # what converts keeps the shapes it infers; those of a graph with dynamic axes mislead it
        halved = convert_float_to_float16(
            onnx.load(source), keep_io_types=True, disable_shape_infer=True
        )
    onnx.save(halved, path)
    told = {"way": "fp16", **_judged(path, given, wanted)}
    if told["holds"]:
        return _kept(path, given) | told
    return {"file": "onnx/model_fp16.onnx", "left_out": _why([told]), "tried": [told]}


def _judged(path: Path, given: Given, wanted: OnnxInt8 | OnnxFp16) -> Facts:
    try:
        told = given.compared(onnx_run(path))
    except Exception as error:  # noqa: BLE001  onnxruntime has many classes; it is told, not lost
        return {"holds": False, "error": str(error).splitlines()[0]}
    loss = told["macro_f1_loss"] or 0.0
    return told | {
        "holds": bool(told["agreement"] >= wanted.agreement and loss <= wanted.macro_f1_loss)
    }


def _kept(path: Path, given: Given) -> Facts:
    (given.out / "onnx").mkdir(exist_ok=True)
    shutil.move(path, given.out / "onnx" / path.name)
    return {"file": f"onnx/{path.name}"}


def _why(tried: Sequence[Facts]) -> str:
    told = [f"{one['way']}: {one.get('error') or _numbers(one)}" for one in tried]
    return "; ".join(told)


def _numbers(told: Facts) -> str:
    loss = told["macro_f1_loss"]
    lost = "" if loss is None else f", macro-F1 {loss:.4f} lower"
    return f"agrees with torch on {told['agreement']:.4f} of the texts{lost}"


def _dynamic(source: Path, target: Path, *, per_channel: bool, without: Sequence[str] = ()) -> None:
    quantize_dynamic(
        source, target, per_channel=per_channel, weight_type=QuantType.QInt8,
        nodes_to_exclude=list(without), extra_options=FLOATS,
    )  # fmt: skip


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    """Padded batches, one at a call, as onnxruntime wants them."""

    def __init__(self, given: Given, n: int) -> None:
        self.left = self._batches(given, n)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)

    @staticmethod
    def _batches(given: Given, n: int) -> Iterator[dict[str, np.ndarray]]:
        tokens = given.classifier.tokens(given.calibration[:n])
        for first in range(0, len(tokens), BATCH):
            rows = range(first, min(first + BATCH, len(tokens)))
            inputs = given.classifier.pad([tokens[row] for row in rows])
            yield {name: inputs[name].numpy() for name in INPUTS}


def _static(source: Path, target: Path, given: Given, wanted: OnnxInt8) -> None:
    quantize_static(
        source, target, _Batches(given, wanted.n_calibration_texts), per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8, extra_options=FLOATS,
    )  # fmt: skip


def _without_worst(source: Path, target: Path, wanted: OnnxInt8) -> None:
    """Per channel, but for the layers whose weights int8 holds worst."""
    model = onnx.load(source)
    weights = {one.name: one for one in model.graph.initializer}
    products = [n for n in model.graph.node if n.op_type in ("MatMul", "Gemm")]
    losses = {
        node.name: _lost(onnx.numpy_helper.to_array(weights[node.input[1]]))
        for node in products
        if node.input[1] in weights
    }
    worst = sorted(losses, key=lambda name: -losses[name])[: wanted.n_excluded]
    _dynamic(source, target, per_channel=True, without=worst)


def _lost(weights: np.ndarray) -> float:
    """Mean square of what rounding to int8 takes from a matrix, by that of the matrix."""
    step = np.abs(weights).max(axis=0, keepdims=True) / 127 + 1e-12
    return float(((np.round(weights / step) * step - weights) ** 2).mean() / (weights**2).mean())


WAYS: dict[str, Callable[[Path, Path, Given, OnnxInt8], Any]] = {
    "dynamic": lambda source, target, _, __: _dynamic(source, target, per_channel=False),
    "per channel": lambda source, target, _, __: _dynamic(source, target, per_channel=True),
    "static, calibrated": _static,
    "without the worst layers": lambda source, target, _, wanted: _without_worst(
        source, target, wanted
    ),
}
