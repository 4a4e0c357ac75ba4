"""ONNX in int8 and fp16: written only if the labels hardly change."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsal.artifacts import Facts
from wsal.export.base import ExportContext
from wsal.export.onnx import fp32_onnx, onnx_run
from wsal.settings import Count, Positive, Share

BATCH = 16  # texts in a batch from which static rounding learns ranges
ANY_LOGIT = float("inf")  # the tolerance for the fp32 source: only its labels have to be the same


@dataclass(frozen=True)
class OnnxInt8:
    """`onnx/model_int8.onnx`: a quarter of the size, if a way of rounding is accurate enough.

    Dynamic rounding is tried first, then a scale for each channel, then static ranges of
    activations, then mixed precision.
    """

    agreement: Share = 0.99
    """Smallest share of texts that must get the same label as from torch."""
    macro_f1_loss: Share = 0.005
    """Largest loss of macro-F1 on texts with gold."""
    n_calibration_texts: Positive = 128
    """Texts of the pool from which static rounding learns the ranges of activations."""
    n_excluded: Count = 4
    """Layers that mixed precision, tried last, leaves in fp32: those that rounding hurts most."""

    def export(self, context: ExportContext) -> Facts:
        """Write the file, or leave it out and say what was tried.

        Raises:
            ParityError: a label of the fp32 file that is to be rounded differs from torch.
        """
        from wsal.export.tracing import silent

        source, _ = fp32_onnx(context, ANY_LOGIT)
        target = context.scratch / "model_int8.onnx"
        ways: dict[str, Callable[[], None]] = {
            "dynamic": lambda: _round_dynamic(source, target, per_channel=False),
            "per channel": lambda: _round_dynamic(source, target, per_channel=True),
            "static, calibrated": lambda: _round_static(
                source, target, context, self.n_calibration_texts
            ),
            "without the worst layers": lambda: _round_dynamic(
                source, target, per_channel=True, exclude=_worst_layers(source, self.n_excluded)
            ),
        }
        tried: list[Facts] = []
        for way, round_to_target in ways.items():
            with silent():
                round_to_target()
            parity = {"way": way, **_parity(target, context, self.agreement, self.macro_f1_loss)}
            if parity["holds"]:
                return _keep(target, context) | parity | {"tried": tried}
            tried.append(parity)
        return {"file": "onnx/model_int8.onnx", "left_out": _reasons(tried), "tried": tried}


@dataclass(frozen=True)
class OnnxFp16:
    """`onnx/model_fp16.onnx`: half the size, for GPUs; inputs and logits as in fp32."""

    agreement: Share = 0.99
    """Smallest share of texts that must get the same label as from torch."""
    macro_f1_loss: Share = 0.005
    """Largest loss of macro-F1 on texts with gold."""

    def export(self, context: ExportContext) -> Facts:
        """Write the file, or leave it out and say why.

        Raises:
            ParityError: a label of the fp32 file that is to be rounded differs from torch.
        """
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        from wsal.export.tracing import silent

        source, _ = fp32_onnx(context, ANY_LOGIT)
        target = context.scratch / "model_fp16.onnx"
        with silent():
            # The converter would keep the shapes it infers, which are wrong for dynamic axes.
            halved = convert_float_to_float16(
                onnx.load(source), keep_io_types=True, disable_shape_infer=True
            )
        onnx.save(halved, target)
        parity = {"way": "fp16", **_parity(target, context, self.agreement, self.macro_f1_loss)}
        if parity["holds"]:
            return _keep(target, context) | parity
        return {"file": "onnx/model_fp16.onnx", "left_out": _reasons([parity]), "tried": [parity]}


def _parity(path: Path, context: ExportContext, agreement: float, macro_f1_loss: float) -> Facts:
    """How closely the file matches torch; `holds` says whether that is close enough."""
    try:
        parity = context.compare(onnx_run(path))
    except Exception as error:  # noqa: BLE001  onnxruntime has many classes; parity.json reports it
        return {"holds": False, "error": str(error).splitlines()[0]}
    loss = parity["macro_f1_loss"] or 0.0
    return parity | {"holds": bool(parity["agreement"] >= agreement and loss <= macro_f1_loss)}


def _keep(path: Path, context: ExportContext) -> Facts:
    (context.out / "onnx").mkdir(exist_ok=True)
    shutil.move(path, context.out / "onnx" / path.name)
    return {"file": f"onnx/{path.name}"}


def _reasons(tried: Sequence[Facts]) -> str:
    return "; ".join(f"{parity['way']}: {_reason(parity)}" for parity in tried)


def _reason(parity: Facts) -> str:
    if "error" in parity:
        return str(parity["error"])
    reason = f"agrees with torch on {parity['agreement']:.4f} of the texts"
    if parity["macro_f1_loss"] is None:
        return reason
    return f"{reason}, macro-F1 {parity['macro_f1_loss']:.4f} lower"


def _round_dynamic(
    source: Path, target: Path, *, per_channel: bool, exclude: Sequence[str] = ()
) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        per_channel=per_channel,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(exclude),
        extra_options=_rounding_options(),
    )


def _round_static(source: Path, target: Path, context: ExportContext, n_texts: int) -> None:
    from onnxruntime.quantization import QuantType, quantize_static

    quantize_static(
        source,
        target,
        _CalibrationBatches(context, n_texts),
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        extra_options=_rounding_options(),
    )


def _rounding_options() -> dict[str, Any]:
    import onnx

    return {
        # the type of tensors for which type inference finds none
        "DefaultTensorType": onnx.TensorProto.FLOAT,
        # Only products with weights are rounded: those of attention are small, and rounding them
        # costs more than it saves.
        "MatMulConstBOnly": True,
    }


class _CalibrationBatches:
    """A CalibrationDataReader of onnxruntime: padded batches, one a call."""

    def __init__(self, context: ExportContext, n_texts: int) -> None:
        self.batches = self._read(context, n_texts)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.batches, None)

    @staticmethod
    def _read(context: ExportContext, n_texts: int) -> Iterator[dict[str, np.ndarray]]:
        tokens = context.classifier.tokens(context.calibration_texts[:n_texts])
        for start in range(0, len(tokens), BATCH):
            rows = range(start, min(start + BATCH, len(tokens)))
            inputs = context.classifier.pad([tokens[row] for row in rows])
            yield {name: tensor.numpy() for name, tensor in inputs.items()}


def _worst_layers(source: Path, n: int) -> list[str]:
    """Names of the products whose weights lose most when they are rounded to int8."""
    import onnx

    graph = onnx.load(source).graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    losses = {
        node.name: _rounding_loss(onnx.numpy_helper.to_array(weights[node.input[1]]))
        for node in graph.node
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights
    }
    return sorted(losses, key=lambda name: -losses[name])[:n]


def _rounding_loss(weights: np.ndarray) -> float:
    """Mean square of the error of rounding to int8, relative to that of the weights."""
    step = np.abs(weights).max(axis=0, keepdims=True) / 127 + 1e-12
    error = np.round(weights / step) * step - weights
    return float((error**2).mean() / (weights**2).mean())
