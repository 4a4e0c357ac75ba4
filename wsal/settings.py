"""Settings: plain values of one shape each. Ranges stand in the types; config.py checks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Money = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class EncoderSettings:
    """The transformer under the classification head, and where it runs."""

    path: str
    """A Hugging Face id, a local folder, `package:NAME/FOLDER` (a folder inside an installed
    package), or `tiny` (a small random one, built on the spot: for tests)."""
    max_length: Annotated[int, Field(ge=4, le=8192)] = 128
    """Longest text in word pieces; what is longer is cut."""
    attention: Literal["eager", "sdpa", "flash_attention_2"] = "eager"
    """On short texts on a CPU eager is fastest."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 autocast where the processor has bf16 instructions."""
    device: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class AggregateSettings:
    """What is known of the classes beside the votes, and what becomes of texts without one."""

    prior: Mapping[str, Money] | None = None
    """Class -> how common it is, for every class (scaled to sum to 1); null: all alike."""
    uncovered: Literal["drop", "prior", "default"] = "drop"
    """A text that no rule voted on: not trained on; trained on with the prior as its weak label;
    or taken for a text of `default_class`, for rules that only know the exceptions."""
    default_class: str | None = None


@dataclass(frozen=True)
class PretrainSettings:
    """How the classifier is trained on weak labels."""

    lr: Rate = 1e-4
    batch_size: Positive = 32
    """Texts in one optimizer step of one process, before accumulation."""
    accumulation: Positive = 1
    """Batches added up before a step: the same total batch in less memory."""
    epochs: Count = 2
    """0 leaves the head untrained: the baseline without rules."""
    warmup: Share = 0.1
    """Share of the steps over which the learning rate rises."""
    weight_decay: Money = 0.01
    max_texts: Positive = 10_000
    """At most so many weakly labelled texts, drawn at random."""
    weighting: Literal["confidence", "none"] = "confidence"
    """Whether a text counts by its weak label's largest probability, or as one."""
    save_steps: Positive = 50
    """Steps between two checkpoints: what a kill can lose."""


@dataclass(frozen=True)
class FinetuneSettings:
    """How the classifier is trained on gold labels, from the weak-pretrained checkpoint."""

    lr: Rate = 1e-4
    batch_size: Positive = 32
    accumulation: Positive = 1
    steps: Positive = 200
    warmup: Share = 0.1
    weight_decay: Money = 0.01
    replay: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of each batch drawn from weak labels, so that the model does not forget; 0 is off."""
    replay_weight: Money = 0.5
    """Weight of a replayed text in the loss; a gold text has 1."""
    save_steps: Positive = 100


@dataclass(frozen=True)
class ActiveSettings:
    """The loop select, annotate, finetune, and what its labels cost."""

    rounds: Count = 5
    query_size: Positive = 40
    """Texts asked in one round."""
    max_candidates: Positive = 5_000
    """The strategy chooses among so many texts of the pool, drawn anew in each round."""


@dataclass(frozen=True)
class ExportSettings:
    """What is written for serving."""

    onnx: bool = True
    tolerance: Rate = 1e-3
    """Largest difference allowed between a logit of ONNX and of torch."""
    n_parity_texts: Positive = 256
    """Test texts on which ONNX and torch are compared, beside the hard inputs."""
