"""The file of torch.export."""

from dataclasses import dataclass
from typing import Any

from wsal.artifacts import Facts
from wsal.export.base import ExportContext
from wsal.settings import Rate


@dataclass(frozen=True)
class TorchExport:
    """`torch/model.pt2`: `torch.export.load(PATH).module()(input_ids, attention_mask)`."""

    tolerance: Rate = 1e-3
    """Largest difference allowed between a logit of the file and of torch itself."""

    def export(self, context: ExportContext) -> Facts:
        """Write the file.

        Raises:
            ParityError: a logit differs by more than `tolerance`, or a label differs.
        """
        import torch

        from wsal.export.tracing import silent, traceable

        target = context.out / "torch" / "model.pt2"
        target.parent.mkdir()
        module, example, axes = traceable(context.classifier)
        with silent():
            program = torch.export.export(module, example, dynamic_shapes=axes)
            torch.export.save(program, target)
            loaded = torch.export.load(target).module()

        def run(input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401  arrays
            with torch.inference_mode():
                return loaded(torch.from_numpy(input_ids), torch.from_numpy(attention_mask)).numpy()

        return {
            "file": "torch/model.pt2",
            **context.require_parity(run, self.tolerance, target),
        }
