"""A model repository for NVIDIA's Triton Inference Server."""

import shutil
from dataclasses import dataclass

from wsal.artifacts import Facts
from wsal.export.base import ExportContext
from wsal.export.onnx import fp32_onnx
from wsal.settings import Count, Positive, Rate

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


@dataclass(frozen=True)
class Triton:
    """`triton/NAME/`: the ONNX file as a model of Triton's."""

    name: str = "classifier"
    """Name of the model in the repository."""
    tolerance: Rate = 1e-3
    """Largest difference allowed between a logit of ONNX and of torch."""
    max_batch_size: Positive = 64
    """Most texts that Triton puts into one batch."""
    queue_microseconds: Count = 1_000
    """How long Triton waits for more requests to answer together."""

    def export(self, context: ExportContext) -> Facts:
        """Write `1/model.onnx`, `config.pbtxt` and `labels.txt`.

        Raises:
            ParityError: the ONNX file differs from torch.
        """
        source, parity = fp32_onnx(context, self.tolerance)
        folder = context.out / "triton" / self.name
        (folder / "1").mkdir(parents=True)
        shutil.copyfile(source, folder / "1" / "model.onnx")
        names = context.classifier.model.config.id2label
        config = CONFIG.format(
            name=self.name,
            max_batch_size=self.max_batch_size,
            n_classes=len(names),
            queue_microseconds=self.queue_microseconds,
        )
        (folder / "config.pbtxt").write_text(config)
        (folder / "labels.txt").write_text("".join(f"{names[i]}\n" for i in range(len(names))))
        return {"file": f"triton/{self.name}", **parity}
