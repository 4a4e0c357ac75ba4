"""What a prediction costs against a distribution: one loss a text, small where it is right.

Nothing here imports torch: settings are checked, and rules vote, without it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

from pydantic import Field

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class Loss(Protocol):
    """How far logits are from the distributions to be learnt."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """`(texts,)` from logits and targets, both `(texts, classes)`; rows of targets sum to 1."""
        ...


@dataclass(frozen=True)
class SoftCrossEntropy:
    """Cross entropy: fits the target's whole distribution."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """-sum of target times log probability."""
        return -(targets * logits.log_softmax(1)).sum(1)


@dataclass(frozen=True)
class GeneralisedCrossEntropy:
    """(1 - p^q) / q, averaged over the target (Zhang and Sabuncu, 2018).

    Texts that the model finds unlikely, as wrong labels are, pull less than in cross entropy.
    """

    q: Annotated[float, Field(gt=0, le=1)] = 0.7

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """In [0, 1 / q]."""
        return (targets * (1 - (logits.log_softmax(1) * self.q).exp()) / self.q).sum(1)


@dataclass(frozen=True)
class SymmetricCrossEntropy:
    """alpha times cross entropy plus beta times its reverse (Wang et al., 2019).

    The second is bounded, so that no wrong label costs without limit.
    """

    alpha: Annotated[float, Field(ge=0)] = 0.1
    beta: Annotated[float, Field(ge=0)] = 1.0
    floor: Annotated[float, Field(lt=0)] = -4.0
    """What the logarithm of a target of 0 counts as."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """The weighted sum of both."""
        forward = -(targets * logits.log_softmax(1)).sum(1)
        backward = -(logits.softmax(1) * targets.log().clamp(min=self.floor)).sum(1)
        return self.alpha * forward + self.beta * backward
