"""Losses of predictions against a target distribution, one value for each text.

Nothing here imports torch, so that settings are checked, and rules vote, without it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

from pydantic import Field

from wsal.arrays import Probs

if TYPE_CHECKING:
    from torch import Tensor


SEVERAL = 1.5
"""A target that sums to more has a 1 for each of several classes; others are distributions."""


@runtime_checkable
class Loss(Protocol):
    """How far logits are from target distributions."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """`(texts,)` from logits and targets, both `(texts, classes)`; rows of targets sum to 1."""
        ...


@dataclass(frozen=True)
class SoftCrossEntropy:
    """Cross entropy: fits the whole target distribution."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """The negative sum of target times log probability."""
        return -(targets * logits.log_softmax(1)).sum(1)


@dataclass(frozen=True)
class AnswerCrossEntropy:
    """Cross entropy that also takes answers which stand for several classes.

    Such a target has a 1 for each of these classes, so that it sums to 2 or more. Its loss is the
    negative logarithm of the sum of their probabilities; with a single class, that is the cross
    entropy.
    """

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Of a distribution the cross entropy, of an answer -log of its probability."""
        log_probs = logits.log_softmax(1)
        losses = -(targets * log_probs).sum(1)
        is_answer = targets.sum(1) > SEVERAL
        of_answers = -(log_probs + targets.log()).logsumexp(1)
        return of_answers.where(is_answer, losses)


@dataclass(frozen=True)
class GeneralisedCrossEntropy:
    """(1 - p^q) / q, averaged over the target (Zhang and Sabuncu, 2018).

    Labels that the model finds unlikely, as wrong ones are, have smaller gradients than in cross
    entropy.
    """

    q: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Near 0 this is cross entropy, at 1 mean absolute error."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """In [0, 1 / q]."""
        return (targets * (1 - (logits.log_softmax(1) * self.q).exp()) / self.q).sum(1)


@dataclass(frozen=True)
class SymmetricCrossEntropy:
    """alpha times cross entropy plus beta times reverse cross entropy (Wang et al., 2019).

    The second is bounded, so that a wrong label cannot dominate.
    """

    alpha: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the ordinary cross entropy."""
    beta: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the reverse cross entropy."""
    floor: Annotated[float, Field(lt=0)] = -4.0
    """Used for the logarithm of a target of 0."""

    def losses(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """The weighted sum of both."""
        forward = -(targets * logits.log_softmax(1)).sum(1)
        backward = -(logits.softmax(1) * targets.log().clamp(min=self.floor)).sum(1)
        return self.alpha * forward + self.beta * backward


def has_parents(targets: Probs) -> bool:
    """Whether a target `(texts, classes)` stands for several classes."""
    return bool((targets.sum(axis=1) > SEVERAL).any())
