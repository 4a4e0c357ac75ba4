"""Settings: plain values of one shape each. Ranges stand in the types; config.py checks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class EncoderSettings:
    """The transformer under the classification head."""

    path: str
    """A Hugging Face id, a local folder, `package:NAME/FOLDER` (a folder inside an installed
    package), or `tiny` (a small random one, built on the spot: for tests)."""
    max_length: Annotated[int, Field(ge=4, le=8192)] = 128
    """Longest text in word pieces; what is longer is cut."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 where the processor has bf16 instructions and they pay."""
    lora_rank: Count = 0
    """Train low-rank updates (LoRA) of this rank instead of every weight; 0: every weight. They
    are merged when a stage ends, so that each artifact is an ordinary model."""


@dataclass(frozen=True)
class HardwareSettings:
    """Where and how fast torch runs. Not part of what an artifact is made from."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "short"] = "auto"
    """`auto`: `short` (wsal's own, for short texts) on a CPU; on a GPU flash attention where it is
    installed, else sdpa."""
    max_tokens: Positive = 16384
    """Tokens, padding included, that go through the model at once in training: a step that holds
    more is cut into parts, whose gradients are added up. Halved where memory runs out."""
    checkpointing: bool = False
    """Compute activations anew in the backward pass: less memory, a third more time. Switched on
    by itself where memory runs out on a single text."""
    compile: bool = False
    """torch.compile: pays for itself after some ten minutes of training."""
    threads: Count = 0
    """Processor threads in training; 0: as many as torch takes by itself."""
    save_seconds: Amount = 60.0
    """Seconds between two checkpoints: what a kill can lose."""


@dataclass(frozen=True)
class TrackerSettings:
    """Who is told of the loss while it falls."""

    kind: Literal["none", "tensorboard", "wandb", "mlflow", "trackio"] = "none"
    folder: str = "runs/tracker"
    """Where tensorboard and mlflow keep what they are told."""
    project: str = "wsal"
    """Under which name wandb, mlflow and trackio file the run."""


@dataclass(frozen=True)
class AggregateSettings:
    """What is known of the classes beside the votes, and what becomes of texts without one."""

    prior: Mapping[str, Amount] | None = None
    """Class -> how common it is, for every class (scaled to sum to 1); null: all alike."""
    uncovered: Literal["drop", "prior", "default"] = "drop"
    """A text that no rule voted on: not trained on; trained on with the prior as its weak label;
    or taken for a text of `default_class`, for rules that only know the exceptions."""
    default_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How weights are changed, common to every kind of training."""

    lr: Rate = 1e-4
    batch_size: Positive = 32
    """Texts in one optimizer step, over all processes."""
    warmup: Share = 0.1
    """Share of the steps over which the learning rate rises."""
    decay: Literal["linear", "cosine", "constant"] = "linear"
    """How it falls after that."""
    weight_decay: Amount = 0.01
    max_grad_norm: Rate = 1.0
    """A longer gradient is scaled down to this."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Each layer further from the head learns at this times the rate of the one above it."""
    freeze: Literal["nothing", "embeddings", "encoder"] | Count = "nothing"
    """What is not trained; a number: the embeddings and so many layers above them."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Keep a running mean of the weights with this decay a step, and end with it; 0 is off."""
    patience: Count = 0
    """Stop after so many looks without gain on dev, with the best weights; 0 is off."""
    look_steps: Positive = 50
    """Steps between two looks at the dev split."""


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(OptimizerSettings):
    """How the classifier is trained on weak labels."""

    max_tokens: Positive | None = None
    """Tokens in one optimizer step, padding included, instead of `batch_size` texts."""
    epochs: Count = 2
    """0 leaves the head untrained: the baseline without rules."""
    max_texts: Positive | None = 10_000
    """At most so many weakly labelled texts, drawn at random; null: all."""
    weighting: Literal["confidence", "none"] = "confidence"
    """Whether a text counts by its weak label's largest probability, or as one."""
    head_first: bool = True
    """Fit the last layer before all are trained; a fresh one wakes slowly (Kumar et al., 2022)."""


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(OptimizerSettings):
    """How the classifier is trained on gold labels, from the weak-pretrained checkpoint."""

    steps: Positive = 200
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of each batch drawn from weak labels, so that the model does not forget; 0 is off."""
    replay_end: Annotated[float, Field(ge=0, lt=1)] | None = None
    """That share in the last step, approached evenly; null: `replay` throughout."""
    replay_weight: Amount = 0.5
    """Weight of a replayed text in the loss; a gold text has 1."""
    head_only: bool = False
    """Train the last layer alone, on features computed once: seconds instead of minutes."""
    head_first: bool = False
    """Fit the last layer before all layers are trained: for a checkpoint that saw no labels."""


@dataclass(frozen=True, kw_only=True)
class AdaptSettings(OptimizerSettings):
    """Training on the pool without any label, before weak pretraining."""

    objective: Literal["none", "mlm", "contrastive"] = "none"
    """`mlm`: fill in masked word pieces (Devlin et al., 2019); `contrastive`: SimCSE (Gao)."""
    steps: Positive = 300
    masked: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of word pieces to fill in."""
    temperature: Rate = 0.05
    """Of the contrastive objective."""


@dataclass(frozen=True, kw_only=True)
class SelfTrainingSettings(OptimizerSettings):
    """After weak pretraining, learn one's own sure predictions on texts without a vote.

    The core of COSINE (Yu et al., 2021): predictions are sharpened and set against how common
    their class is, and a text counts by how sure its prediction is.
    """

    passes: Count = 0
    """How often predictions are made anew and learnt from; 0 is off."""
    steps: Positive = 100
    """Optimizer steps in one pass."""
    threshold: Share = 0.6
    """Least sureness, 1 - entropy / log(classes), of a text that is learnt from."""
    max_texts: Positive = 10_000
    """At most so many texts are predicted in a pass, drawn at random."""


@dataclass(frozen=True)
class ActiveSettings:
    """The loop select, annotate, finetune, assess, and what its labels cost."""

    rounds: Count = 5
    """At most so many; the rules of `stop` can end the loop sooner."""
    query_size: Positive = 40
    """Texts asked in one round, beside those for evaluation."""
    max_candidates: Positive = 5_000
    """The strategy chooses among so many texts: of a larger pool, those that a proxy of the
    classifier is unsure of, those that rules dispute, and some at random."""
    disagreement: Amount = 0.0
    """Added to the score (of dbal) of a text on which rules vote for different classes."""
    contradiction: Amount = 0.0
    """Added to the score of a text whose sure weak label the classifier contradicts."""
    review: Count = 0
    """Texts asked about once more, their label looks wrong; the most frequent answer counts."""
    price_per_hour: Amount = 0.0
    """What an hour of an annotator's time costs, in any currency."""

    NOT_IN_DIGEST: ClassVar = ("rounds", "price_per_hour")
    """Settings that may change without making a query stale."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How quality is measured by labels of people, apart from those that are trained on."""

    size: Count | None = None
    """Texts asked for evaluation in the first round; null: 100 of a pool of 2,000 or more without
    test and dev split, else 0."""
    top_up: Count = 20
    """More of them in each later round; 0 where `size` comes to 0."""
    frame: Annotated[int, Field(ge=200)] = 5_000
    """They are drawn from so many texts of the pool, at most a fifth; their gold is not learnt."""


@dataclass(frozen=True)
class StopSettings:
    """When the loop ends before `active.rounds`; null: a rule is off. All are told each round."""

    metric: Literal["macro_f1", "accuracy"] = "macro_f1"
    """What `target` and `least_gain` speak of."""
    target: Share | None = None
    """The lower bound of the metric has reached it."""
    agreement: Share | None = None
    """Kappa of one round's predictions on the frame with the next one's, mean of three rounds
    (Bloodgood & Vijay-Shanker, 2009); 0.99 is usual."""
    change: Share | None = None
    """Share of the frame's predictions that changed in the last round."""
    least_gain: Amount | None = None
    """The next 100 labels are forecast to bring less, at the upper end of an 80% interval."""
    hours: Amount | None = None
    """Annotators have spent so many."""
    budget: Amount | None = None
    """They have cost so much, by `active.price_per_hour`."""


@dataclass(frozen=True)
class AmplifySettings:
    """How annotated records are multiplied, where a paired test finds that it does no harm."""

    copies: Annotated[int, Field(ge=0, le=8)] = 0
    """Rewritten copies of each annotated record, at most; 0 is off."""
    operations: tuple[
        Literal["attribute_swap", "unit_rewrite", "code_mask", "segment_permute", "field_dropout"],
        ...,
    ] = ("attribute_swap", "unit_rewrite", "code_mask", "segment_permute")
    """`field_dropout` is left out: where brands tell classes apart, it takes too much away."""
    weight: Share = 0.5
    """What a record's copies together weigh in the loss; the record itself has 1."""
    least_gain: Annotated[float, Field(ge=-1, le=1)] = -0.002
    """Copies are used in a round if the lower end of what they bring in macro-F1 is above this."""
