"""Settings: plain values. Ranges are in the types, and `building.construct` checks them.

The docstring below a field is the only place that explains it; the reference is made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from wsal.errors import ConfigError

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
    package), or `tiny` (a small one with random weights, for tests)."""
    max_length: Annotated[int, Field(ge=4, le=8192)] = 128
    """Maximum length of a text in word pieces; longer texts are truncated."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 if a short probe finds it faster on this machine."""
    lora_rank: Count = 0
    """Train low-rank updates (LoRA) of this rank instead of all weights; 0: all weights. The
    updates are merged at the end of a stage, so that each artifact is an ordinary model."""


@dataclass(frozen=True)
class HardwareSettings:
    """Where and how fast torch runs. Changing it makes no artifact stale."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: a GPU if there is one."""
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "short"] = "auto"
    """`auto`: on a CPU `short` (for short texts); on a GPU `flash_attention_2` if installed."""
    products: Literal["auto", "default", "onednn"] = "auto"
    """The library that multiplies fp32 matrices on a CPU. `auto`: oneDNN if a short probe finds it
    faster and as exact; `default`: torch's own choice."""
    max_tokens: Positive = 16384
    """Most tokens, including padding, that go through the model at once in training. A larger step
    is split into parts, whose gradients are added. Halved when memory runs out."""
    checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, a third more time. Switched on
    automatically if memory runs out on a single text."""
    compile: bool = False
    """Use torch.compile; worth it for training of more than about ten minutes."""
    threads: Count = 0
    """Processor threads in training; 0: torch's own choice."""
    save_seconds: Amount = 60.0
    """Seconds between two checkpoints, and so the most training that a kill can lose."""


@dataclass(frozen=True)
class RaySettings:
    """A Ray cluster, for `launcher=ray`. Changing it makes no artifact stale."""

    address: str | None = None
    """Address of the cluster: `auto` for the one this machine belongs to, or `HOST:PORT`; null: a
    cluster on this machine alone, started for the command."""
    actors: Positive | None = None
    """The most processes that work at the same time; null: as many as the cluster has room for."""
    cpus: Rate = 1.0
    """Processor cores of an actor, which has as many threads."""
    gpus: Amount = 0.0
    """GPUs of an actor that runs the classifier; others get none."""
    memory: Rate = 4.0
    """Memory in GB that Ray sets aside for an actor."""


@dataclass(frozen=True)
class LauncherSettings:
    """What runs the work, and in how many processes."""

    name: Literal["local", "torchrun", "ray"] = "local"
    processes: Positive = 1
    ray: RaySettings = RaySettings()


@dataclass(frozen=True)
class TrackerSettings:
    """Where training metrics are logged."""

    kind: Literal["none", "tensorboard", "wandb", "mlflow", "trackio"] = "none"
    """The tool to log to."""
    folder: str = "runs/tracker"
    """Where tensorboard and mlflow store the metrics."""
    project: str = "wsal"
    """The project name for wandb, mlflow and trackio."""


@dataclass(frozen=True)
class AggregateSettings:
    """The class prior of the label model, and what happens to texts that no rule voted on."""

    prior: Mapping[str, Amount] | None = None
    """Class -> share, for every class; scaled to sum to 1. null: all classes are equally common."""
    uncovered: Literal["drop", "prior", "default"] = "drop"
    """A text that no rule voted on is not trained on (`drop`), is trained on with the prior as its
    weak label (`prior`), or counts as `default_class` (`default`)."""
    default_class: str | None = None
    """The class for `uncovered=default`."""


@dataclass(frozen=True)
class ActiveSettings:
    """The loop of select, annotate, finetune and assess, and the price of its labels."""

    rounds: Count = 5
    """Most rounds; the rules of `stop` can end the loop sooner."""
    query_size: Positive = 40
    """Texts asked per round, not counting those for evaluation."""
    max_candidates: Positive = 5_000
    """Most texts that the strategy chooses among. From a larger pool, a linear proxy of the
    classifier picks uncertain texts, texts that rules dispute, and some at random."""
    disagreement: Amount = 0.0
    """Added to the uncertainty (in `dbal`) of a text on which rules vote for different classes."""
    contradiction: Amount = 0.0
    """Added to the uncertainty of a text whose confident weak label the classifier contradicts."""
    review: Count = 0
    """Labelled texts per round that look wrong and are asked again; the majority counts."""
    price_per_hour: Amount = 0.0
    """Price of an hour of an annotator's time, in any currency."""
    wait: bool = False
    """Whether people on the page wait while a round trains, instead of answering for the next."""
    questions: tuple[Literal["text", "word", "class", "group"], ...] = ("text",)
    """Kinds of questions. `text`: which class a text belongs to. `word`: which class texts with a
    word belong to. `class`: whether a text belongs to the class that the classifier predicts, where
    a yes is likely. `group`: whether all of three to eight texts that are alike belong to it.
    `text` is always among them."""

    NOT_IN_DIGEST: ClassVar = ("rounds", "price_per_hour", "wait")  # they make no query stale
    ADDED: ClassVar = {"questions": ["text"]}

    def __post_init__(self) -> None:
        """Check the kinds of questions.

        Raises:
            ConfigError: no text is asked about.
        """
        if "text" not in self.questions:
            raise ConfigError(
                f"active.questions={list(self.questions)} has no `text`, and a classifier is "
                "trained on labelled texts; add it, as in active.questions=[text,word]"
            )


@dataclass(frozen=True)
class EvaluationSettings:
    """How quality is measured: by an evaluation sample, labelled by people and never trained on."""

    size: Count | None = None
    """Evaluation texts in the first round; null: 100 if there is no test or dev split and the pool
    has 2,000 texts or more, else 0."""
    top_up: Count = 20
    """Further evaluation texts in each later round, unless `size` is 0."""
    frame: Annotated[int, Field(ge=200)] = 5_000
    """Size of the part of the pool that evaluation texts are drawn from, at most a fifth of the
    pool. It is chosen with the first query, and never trained on."""


@dataclass(frozen=True)
class StopSettings:
    """Rules that end the loop before `active.rounds`; null: off. All are reported every round."""

    metric: Literal["macro_f1", "accuracy"] = "macro_f1"
    """The metric for `target` and `least_gain`."""
    target: Share | None = None
    """Stop when the lower bound of the metric reaches this."""
    agreement: Share | None = None
    """Stop when the kappa between the predictions of successive rounds, averaged over three rounds,
    reaches this (Bloodgood & Vijay-Shanker, 2009); 0.99 is usual."""
    change: Share | None = None
    """Stop when a smaller share of predictions than this changed in the last round."""
    least_gain: Amount | None = None
    """Stop when the 80% interval of the gain from the next 100 labels ends below this."""
    hours: Amount | None = None
    """Stop when annotators have spent this many hours."""
    budget: Amount | None = None
    """Stop when people (at `active.price_per_hour`) and the language model have cost this much."""


@dataclass(frozen=True)
class AmplifySettings:
    """Rewritten copies of annotated records, used only where a paired test finds no harm."""

    copies: Annotated[int, Field(ge=0, le=8)] = 0
    """Most rewritten copies of each annotated record; 0: off."""
    operations: tuple[
        Literal["attribute_swap", "unit_rewrite", "code_mask", "segment_permute", "field_dropout"],
        ...,
    ] = ("attribute_swap", "unit_rewrite", "code_mask", "segment_permute")
    """How records are rewritten. `field_dropout` can remove a brand that tells the class."""
    weight: Share = 0.5
    """Weight of all copies of a record together in the loss; the record itself has 1."""
    least_gain: Annotated[float, Field(ge=-1, le=1)] = -0.002
    """Copies are used in a round if the lower bound of their gain in macro-F1 is above this."""
