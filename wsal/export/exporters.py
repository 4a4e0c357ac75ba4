"""What can be written beside the Hugging Face folder; each is checked against torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from wsal.artifacts import Facts
from wsal.settings import Count, Positive, Rate, Share

if TYPE_CHECKING:  # torch waits until something is exported
    from wsal.export.given import Given


@runtime_checkable
class Exporter(Protocol):
    """Writes one file, or a folder, into `given.out`."""

    def export(self, given: "Given") -> Facts:
        """What was written and how near it is to torch; `left_out` says why, if nothing was.

        Raises:
            ParityError: it differs from torch, and there is no lesser thing to do about it.
        """
        ...


@dataclass(frozen=True)
class ExportSettings:
    """What is written for serving, beside safetensors, tokenizer and model card."""

    formats: Mapping[str, Exporter]
    precision: Share = 0.95
    """Wanted precision of what is not abstained on: sets each class's threshold."""
    n_parity_texts: Positive = 2_000
    """Texts of the test split (without one: of the pool) that every format is compared on, beside
    hard inputs; null would be none."""


@dataclass(frozen=True)
class Onnx:
    """`onnx/model.onnx`: fp32, inputs `input_ids`, `attention_mask`, output `logits`."""

    tolerance: Rate = 1e-3
    """Largest difference allowed between a logit of ONNX and of torch."""

    def export(self, given: "Given") -> Facts:
        """Write it.

        Raises:
            ParityError: a logit differs by more than `tolerance`, or a label differs.
        """
        from wsal.export.to_onnx import export_fp32  # noqa: PLC0415  torch

        return export_fp32(given, self.tolerance)


@dataclass(frozen=True)
class OnnxInt8:
    """`onnx/model_int8.onnx`: a quarter of the size, if some way of rounding holds."""

    agreement: Share = 0.99
    """Least share of texts on which it says what torch says."""
    macro_f1_loss: Share = 0.005
    """Most macro-F1 it may lose on texts with gold."""
    n_calibration_texts: Positive = 128
    """Texts of the pool that set the ranges where rounding is static."""
    n_excluded: Count = 4
    """Layers left in fp32 by the last way that is tried: those that rounding hurts most."""

    def export(self, given: "Given") -> Facts:
        """Write it, or leave it out and say what was tried."""
        from wsal.export.rounding import export_int8  # noqa: PLC0415  torch

        return export_int8(given, self)


@dataclass(frozen=True)
class OnnxFp16:
    """`onnx/model_fp16.onnx`: half the size, for GPUs; inputs and logits as in fp32."""

    agreement: Share = 0.99
    macro_f1_loss: Share = 0.005

    def export(self, given: "Given") -> Facts:
        """Write it, or leave it out and say why."""
        from wsal.export.rounding import export_fp16  # noqa: PLC0415  torch

        return export_fp16(given, self)


@dataclass(frozen=True)
class TorchExport:
    """`torch/model.pt2`: `torch.export.load(PATH).module()(input_ids, attention_mask)`."""

    tolerance: Rate = 1e-3

    def export(self, given: "Given") -> Facts:
        """Write it.

        Raises:
            ParityError: a logit differs by more than `tolerance`, or a label differs.
        """
        from wsal.export.to_onnx import export_pt2  # noqa: PLC0415  torch

        return export_pt2(given, self.tolerance)


@dataclass(frozen=True)
class OpenVino:
    """`openvino/openvino_model.xml` and `.bin`, fp32."""

    tolerance: Rate = 1e-3

    def export(self, given: "Given") -> Facts:
        """Write it.

        Raises:
            ConfigError: openvino is not installed. ParityError: it differs from torch.
        """
        from wsal.export.openvino import export_openvino  # noqa: PLC0415  torch

        return export_openvino(given, self)


@dataclass(frozen=True)
class Triton:
    """`triton/NAME/`: a model repository for NVIDIA's Triton, of the ONNX file."""

    name: str = "classifier"
    tolerance: Rate = 1e-3
    max_batch_size: Positive = 64
    queue_microseconds: Count = 1_000
    """How long Triton waits for more requests to answer together."""

    def export(self, given: "Given") -> Facts:
        """Write it.

        Raises:
            ParityError: the ONNX file differs from torch.
        """
        from wsal.export.to_onnx import export_triton  # noqa: PLC0415  torch

        return export_triton(given, self)
