"""Training objectives: label distributions of texts, or the texts themselves."""

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
from wsal.training_settings import AdaptSettings

CROSS_ENTROPY = SoftCrossEntropy()


@dataclass(frozen=True)
class LabelObjective:
    """Predict a distribution over classes; that of a gold label is one-hot."""

    classifier: Classifier
    tokens: Tokens
    targets: Probs
    """`(texts, classes)`; with `AnswerCrossEntropy`, maybe a 1 for each class of an answer."""
    weights: np.ndarray
    """`(texts,)`: how much each text counts."""
    loss: Loss = CROSS_ENTROPY
    paths: np.ndarray | None = None
    """`(classes, nodes)`, of a class tree (`ClassTree.class_paths`): the last layer, fitted by
    itself, shares strength along them."""

    @cached_property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces."""
        return self.tokens.lengths

    @property
    def whole_steps(self) -> bool:
        """False: the loss of a text does not depend on other texts."""
        return False

    def used(self) -> np.ndarray:
        """The word pieces of the texts, and the padding token."""
        return np.union1d(self.tokens.used(), [self.classifier.tokenizer.pad_token_id])

    def batch(self, rows: Rows) -> Batch:
        """Padded word pieces, targets and weights."""
        batch = self.classifier.pad([self.tokens[row] for row in rows])
        for name, values in (("targets", self.targets), ("weights", self.weights)):
            batch[name] = torch.from_numpy(np.asarray(values[rows], dtype=np.float32))
        return batch

    def losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """The loss of each text times its weight."""
        logits = model(**inputs(batch)).logits.float()
        return self.loss.losses(logits, batch["targets"]) * batch["weights"]


@dataclass(frozen=True)
class TextObjective:
    """Predict masked word pieces, or tell texts apart: for `adapt`, which needs no labels.

    Raises:
        ConfigError: the objective is `mlm`, and the tokenizer has no mask token.
    """

    classifier: Classifier
    tokens: Tokens
    settings: AdaptSettings

    def __post_init__(self) -> None:
        masks = self.settings.objective == "mlm"
        if masks and self.classifier.tokenizer.mask_token_id is None:
            raise ConfigError(
                "adapt.objective=mlm needs a mask token, but the tokenizer of "
                f"encoder.path={self.classifier.encoder.path!r} has none; use adapt=contrastive, "
                "adapt=none, or another encoder"
            )

    @cached_property
    def lengths(self) -> np.ndarray:
        """`(texts,)` word pieces."""
        return self.tokens.lengths

    @property
    def whole_steps(self) -> bool:
        """Whether texts are compared with each other."""
        return self.settings.objective == "contrastive"

    def used(self) -> None:
        """None, that is, all: a masked word piece is compared with every other one."""

    def batch(self, rows: Rows) -> Batch:
        """Padded word pieces."""
        return self.classifier.pad([self.tokens[row] for row in rows])

    def losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """The loss of each text for `settings.objective`."""
        if self.settings.objective == "mlm":
            return self._mlm_losses(model, batch)
        return self._contrastive_losses(model, batch)

    def _mlm_losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """Mean cross entropy of a text's masked word pieces; logits are computed only for them.

        The output layer is the encoder's own input embeddings, so no new weights are needed.
        """
        pieces, tokenizer = batch["input_ids"], self.classifier.tokenizer
        special = torch.tensor(tokenizer.all_special_ids, device=pieces.device)
        masked = torch.rand(pieces.shape, device=pieces.device) < self.settings.masked
        masked &= ~torch.isin(pieces, special)
        masked_pieces = pieces.masked_fill(masked, tokenizer.mask_token_id)
        states = encoder_of(model)(**inputs(batch) | {"input_ids": masked_pieces}).last_hidden_state
        table = model.get_input_embeddings().weight
        logits = nn.functional.linear(states[masked], table.to(states.dtype)).float()
        losses = nn.functional.cross_entropy(logits, pieces[masked], reduction="none")
        text = masked.nonzero()[:, 0]
        sums = torch.zeros(len(pieces), device=pieces.device).index_add(0, text, losses)
        return sums / masked.sum(1).clamp(min=1)

    def _contrastive_losses(self, model: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        """Cross entropy of finding a text's second dropout pass among those of the whole batch.

        SimCSE (Gao et al., 2021).
        """
        encoder = encoder_of(model)
        first = self._embeddings(encoder, batch)
        second = self._embeddings(encoder, batch)
        similarities = first @ second.T / self.settings.temperature
        own = torch.arange(len(similarities), device=similarities.device)
        return nn.functional.cross_entropy(similarities, own, reduction="none")

    def _embeddings(self, encoder: Any, batch: Batch) -> Tensor:  # noqa: ANN401
        states = encoder(**inputs(batch)).last_hidden_state.float()
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)


def inputs(batch: Batch) -> Batch:
    """The part of a batch that a model is called with; by name, since models differ in order."""
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def encoder_of(model: Any) -> Any:  # noqa: ANN401
    """The model without its head, with the updates of LoRA if there are any."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.base_model
