"""Several classes per text: sigmoids in place of the softmax, and their loss."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PROBLEM_TYPE = "multi_label_classification"
"""What transformers calls this in `config.problem_type`; its pipelines then use sigmoids, too."""


def probabilities(config: Any, logits: "Tensor") -> "Tensor":  # noqa: ANN401  of transformers
    """The probabilities that follow from logits `(texts, classes)`."""
    if config.problem_type == PROBLEM_TYPE:
        return logits.sigmoid()
    return logits.softmax(dim=1)


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """A yes/no decision for each class; targets are probabilities of yes."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """`(texts,)`: the sum over the classes of their cross entropies."""
        from torch.nn.functional import binary_cross_entropy_with_logits  # noqa: PLC0415

        return binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1)


BINARY = BinaryCrossEntropy()
