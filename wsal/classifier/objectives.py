"""What can be learnt from texts: their label distributions, or the texts themselves."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wsal.arrays import Probs, Rows
from wsal.classifier.encoder import Classifier
from wsal.classifier.losses import Loss, SoftCrossEntropy
from wsal.classifier.tokens import Tokens
from wsal.classifier.training_run import Batch
from wsal.errors import ConfigError
from wsal.settings import AdaptSettings

CROSS_ENTROPY = SoftCrossEntropy()


@dataclass(frozen=True)
class LabelObjective:
    """Distributions over classes; a gold label is one-hot."""

    classifier: Classifier
    tokens: Tokens
    targets: Probs  # (texts, classes)
    weights: np.ndarray  # (texts,): how much a text counts
    loss: Loss = CROSS_ENTROPY

    @cached_property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces."""
        return self.tokens.lengths

    @property
    def whole_steps(self) -> bool:
        """No."""
        return False

    def used(self) -> np.ndarray:
        """The word pieces of the texts, and padding."""
        return np.union1d(self.tokens.used(), [self.classifier.tokenizer.pad_token_id])

    def batch(self, rows: Rows) -> Batch:
        """Padded word pieces, targets and weights."""
        return self.classifier.pad([self.tokens[row] for row in rows]) | {
            "targets": torch.from_numpy(np.asarray(self.targets[rows], dtype=np.float32)),
            "weights": torch.from_numpy(np.asarray(self.weights[rows], dtype=np.float32)),
        }

    def losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """The loss of each text times its weight."""
        logits = model(**inputs(batch)).logits.float()
        return self.loss.losses(logits, batch["targets"]) * batch["weights"]


@dataclass(frozen=True)
class TextObjective:
    """The texts themselves, for `adapt`.

    Raises:
        ConfigError: word pieces are to be hidden, and the tokenizer has none to hide them behind.
    """

    classifier: Classifier
    tokens: Tokens
    settings: AdaptSettings

    def __post_init__(self) -> None:
        masks = self.settings.objective == "mlm"
        if masks and self.classifier.tokenizer.mask_token_id is None:
            raise ConfigError(
                "adapt.objective=mlm hides word pieces behind a mask token, but the tokenizer of "
                f"encoder.path={self.classifier.encoder.path!r} has none; use adapt=contrastive, "
                "adapt=none, or another encoder"
            )

    @cached_property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces."""
        return self.tokens.lengths

    @property
    def whole_steps(self) -> bool:
        """Where texts are contrasted."""
        return self.settings.objective == "contrastive"

    def used(self) -> None:
        """All: a hidden word piece is compared with every other."""

    def batch(self, rows: Rows) -> Batch:
        """Padded word pieces."""
        return self.classifier.pad([self.tokens[row] for row in rows])

    def losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """By `settings.objective`."""
        if self.settings.objective == "mlm":
            return self._masked(model, batch)
        return self._contrasted(model, batch)

    def _masked(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """Mean cross entropy of a text's hidden word pieces; its logits only where they are hidden.

        The output layer is the encoder's own input embeddings, so that it needs no weights of its
        own that start at random.
        """
        pieces, tokenizer = batch["input_ids"], self.classifier.tokenizer
        special = torch.tensor(tokenizer.all_special_ids, device=pieces.device)
        hidden = torch.rand(pieces.shape, device=pieces.device) < self.settings.masked
        hidden &= ~torch.isin(pieces, special)
        covered = pieces.masked_fill(hidden, tokenizer.mask_token_id)
        states = encoder_of(model)(**inputs(batch) | {"input_ids": covered}).last_hidden_state
        table = model.get_input_embeddings().weight
        logits = nn.functional.linear(states[hidden], table.to(states.dtype)).float()
        found = nn.functional.cross_entropy(logits, pieces[hidden], reduction="none")
        text = hidden.nonzero()[:, 0]
        sums = torch.zeros(len(pieces), device=pieces.device).index_add(0, text, found)
        return sums / hidden.sum(1).clamp(min=1)

    def _contrasted(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """How hard it is to tell a text's second dropout pass among those of the whole batch."""
        encoder = encoder_of(model)
        first, second = (self._embedded(encoder, batch) for _ in range(2))
        alike = first @ second.T / self.settings.temperature
        own = torch.arange(len(alike), device=alike.device)
        return nn.functional.cross_entropy(alike, own, reduction="none")

    def _embedded(self, encoder: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        states = encoder(**inputs(batch)).last_hidden_state.float()
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)


def inputs(batch: Batch) -> Batch:
    """What of a batch a model is called with; by name, since models differ in the order."""
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def encoder_of(model: Any) -> Any:  # noqa: ANN401
    """The model without its head, with LoRA's updates where there are some."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.base_model
