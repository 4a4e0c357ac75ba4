"""Settings of training: on weak labels, on gold, and on texts without labels."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from wsal.settings import Amount, Count, Positive, Rate, Share


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """Settings of the optimizer, common to every kind of training."""

    lr: Rate = 1e-4
    """Largest learning rate."""
    batch_size: Positive = 32
    """Texts in one optimizer step, over all processes."""
    warmup: Share = 0.1
    """Share of the steps over which the learning rate rises."""
    decay: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    weight_decay: Amount = 0.01
    """Decoupled weight decay of AdamW (Loshchilov & Hutter, 2019)."""
    max_grad_norm: Rate = 1.0
    """Gradients with a larger norm are scaled down to this norm."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate from each layer to the one below it; 1: the same for all."""
    freeze: Literal["nothing", "embeddings", "encoder"] | Count = "nothing"
    """What is not trained; a number N: the embeddings and the lowest N layers."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay, in each step, of a running mean of the weights, which becomes the result; 0: off.
    After n steps it is at most n / (n + 4): a short training averages its last quarter."""
    patience: Count = 0
    """Stop after this many evaluations on dev without a gain, and keep the best weights; 0: off."""
    look_steps: Positive = 50
    """Steps between two evaluations on the dev split."""


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(OptimizerSettings):
    """How the classifier is trained on weak labels."""

    max_tokens: Positive | None = None
    """Tokens in one optimizer step, including padding, instead of `batch_size` texts."""
    epochs: Count = 2
    """Passes over the weakly labelled texts; 0 leaves the head untrained."""
    max_texts: Positive | None = 10_000
    """Most weakly labelled texts to train on, drawn at random; null: as many as there are."""
    balance: Share = 0.5
    """How much rare classes gain: a class of m texts gets a share like m ** (1 - balance). 0: they
    stay rare; 1: all classes get as many texts, some of them repeatedly."""
    refine: Count = 3
    """How often weak labels are multiplied by out-of-fold predictions of a linear classifier on
    embeddings of the untrained encoder, which then learns from the product; 0: off."""
    weighting: Literal["confidence", "none"] = "confidence"
    """Weight of a text in the loss: the largest probability of its weak label, or 1 (`none`)."""
    head_first: bool = True
    """Fit the last layer before all layers are trained (Kumar et al., 2022)."""


@dataclass(frozen=True, kw_only=True)
class RetrainSettings:
    """When weak pretraining is repeated, because gold labels have changed the weak labels."""

    distance: Share | None = 0.05
    """Train anew where the weak labels are this far from those of the last weak training, or
    further; 0: in every round; null: never. The distance is the mean total variation distance of a
    text's two weak labels, which counts as 0 where the likeliest class is the same."""


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(OptimizerSettings):
    """How the classifier is trained on gold labels, from the newest weak-pretrained checkpoint."""

    steps: Positive = 200
    """Optimizer steps in one round."""
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of each batch with weak labels, so that the model does not forget them; 0: off."""
    replay_end: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The share in the last step; it changes linearly from `replay`. null: constant."""
    replay_balance: Share = 0.5
    """How much rare classes gain among the replayed texts; see `pretrain.balance`."""
    replay_weight: Amount = 0.5
    """Highest weight of a weakly labelled text in the loss; a text with gold has 1."""
    replay_gold: Annotated[float, Field(gt=0)] | None = 4.0
    """The weight is no more than this divided by the mean number of gold labels per class, so that
    the errors of rules count less and less as gold labels are added. null: no such limit."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Decay of the running mean of the weights, as in `pretrain`: the result is steadier."""
    head_only: bool = False
    """Train only the last layer, on features computed once: seconds instead of minutes."""
    head_first: bool = False
    """Fit the last layer before all layers are trained, for a checkpoint without weak training."""


@dataclass(frozen=True, kw_only=True)
class AdaptSettings(OptimizerSettings):
    """Training on the texts of the pool without labels, before weak pretraining."""

    objective: Literal["none", "mlm", "contrastive"] = "none"
    """`mlm`: masked word pieces (Devlin et al., 2019); `contrastive`: SimCSE (Gao et al., 2021)."""
    steps: Positive = 300
    """Optimizer steps."""
    masked: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of word pieces that `mlm` masks."""
    temperature: Rate = 0.05
    """Temperature of the contrastive objective."""


@dataclass(frozen=True, kw_only=True)
class SelfTrainingSettings(OptimizerSettings):
    """After weak pretraining, train on confident predictions for texts without a vote.

    The core of COSINE (Yu et al., 2021): predictions are sharpened and divided by the share of
    their class, and a text is weighted by the confidence of its prediction.
    """

    passes: Count = 0
    """How often texts are predicted again and trained on; 0: off."""
    steps: Positive = 100
    """Optimizer steps in one pass."""
    threshold: Share = 0.6
    """Lowest confidence, 1 - entropy / log(classes), of a text that is trained on."""
    max_texts: Positive = 10_000
    """Most texts that are predicted in a pass, drawn at random."""
