"""A transformer with a classification head, before and after training."""

import shutil
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import numpy as np
import polars as pl

from wsal.api.label_model import WeakLabels, no_weak_labels
from wsal.api.pool import Pool
from wsal.arrays import Classes, Embeddings, Probs, Rows
from wsal.artifacts import Facts
from wsal.class_tree import ClassTree
from wsal.classifier import encoder as encoders
from wsal.classifier.inference import predict
from wsal.classifier.losses import Loss
from wsal.classifier.tokens import Tokens
from wsal.errors import ConfigError
from wsal.evaluation.metrics import evaluate
from wsal.presets import preset
from wsal.progress import progress_shown
from wsal.rounds.embedding import embed_parts
from wsal.rounds.pretraining import WeakTraining
from wsal.rounds.split_gold import gold_in
from wsal.rounds.weak_labels import WeakTable, confidence_weights
from wsal.seeding import integer
from wsal.settings import EncoderSettings, HardwareSettings
from wsal.training_settings import (
    AdaptSettings,
    OptimizerSettings,
    PretrainSettings,
    SelfTrainingSettings,
)


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A classifier that was trained on weak labels."""

    model: encoders.Classifier
    pool: Pool
    folder: Path
    """The weights, from which every round of fine-tuning starts; deleted with this object."""
    history: Facts
    """The loss of each part of the training, step by step."""
    trained_on: WeakTable
    """The weak labels, of all texts."""
    train_anew: "Callable[[WeakTable], TrainedClassifier] | None" = None
    """Train the encoder in the same way on other weak labels; None: it is not trained on any."""

    @cached_property
    def tokens(self) -> Tokens:
        """The word pieces of the pool's texts."""
        return self.model.tokens(self.pool.texts.to_list())

    @cached_property
    def embedded(self) -> tuple[Probs, Embeddings]:
        """Probabilities and embeddings of length 1 for the pool, in half precision."""
        n, config = len(self.pool), self.model.model.config
        probs = np.empty((n, config.num_labels), np.float16)
        embeddings = np.empty((n, config.hidden_size), np.float16)
        for rows, part_probs, part_embeddings in embed_parts(self.load(), self.tokens):
            probs[rows], embeddings[rows] = part_probs, part_embeddings
        return probs, embeddings

    def load(self) -> encoders.Classifier:
        """Load a copy of the classifier as it was after this training."""
        return encoders.load_classifier(self.folder, self.model.encoder, self.model.hardware)

    def predict_proba(self, texts: Sequence[str]) -> Probs:
        """Probabilities `(texts, classes)`, with the classes in the order of `pool.labels`."""
        return predict(self.model, texts, "predict")[0]

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings `(texts, dims)` of length 1."""
        return predict(self.model, texts, "embed")[1]

    def save(self, folder: str | Path) -> None:
        """Write a folder that `transformers` can load; to serve it, use `ActiveLoop.export`."""
        self.model.save(Path(folder))

    def __repr__(self) -> str:
        return f"classifier ({self.model.encoder.path}) trained on weak labels of {self.pool!r}"


class Classifier:
    """An encoder: `minilm` or `tiny` (see `conf/encoder`), a Hugging Face id, or a local folder."""

    def __init__(self, encoder: str = "minilm", *, device: str = "auto", **settings: Any) -> None:  # noqa: ANN401
        """Choose an encoder. It is loaded only when training starts.

        Args:
            encoder: `minilm`, `tiny` (random, for tests), a Hugging Face id, or a local folder.
            device: `auto` (a GPU if there is one), `cpu` or `cuda`.
            settings: settings of `conf/encoder`, such as `max_length=64` or `lora_rank=8`.

        Raises:
            UnknownNameError: there is no such setting. ConfigError: one is out of range.
        """
        if encoder not in ("minilm", "tiny"):
            encoder, settings = "minilm", {"path": encoder, **settings}
        self.encoder = preset(EncoderSettings, "encoder", encoder, settings)
        self.hardware = preset(HardwareSettings, "hardware", "default", {"device": device})

    def pretrain(
        self,
        pool: Pool,
        weak: WeakLabels | None = None,
        *,
        loss: str = "soft_cross_entropy",
        adapt: str = "none",
        self_training: str = "none",
        seed: int = 0,
        progress: bool = False,
        **settings: Any,  # noqa: ANN401
    ) -> TrainedClassifier:
        """Train on weak labels. Without any, the classification head stays random.

        Args:
            pool: the texts.
            weak: their weak labels.
            loss: an option of `conf/loss`.
            adapt: an option of `conf/adapt`: training on the texts alone, before weak pretraining.
            self_training: an option of `conf/self_training`.
            seed: the seed of the initial weights, the order of texts, and dropout.
            progress: whether to show progress bars.
            settings: settings of `conf/pretrain`, such as `epochs=1` or `max_texts=2000`.

        Raises:
            UnknownNameError: there is no such option or setting.
            ConfigError: a setting is out of range, or the encoder cannot be loaded.
            ModelError: training diverged.
        """
        training = WeakTraining(
            settings=preset(PretrainSettings, "pretrain", "default", settings),
            loss=preset(Loss, "loss", loss, {}),  # type: ignore[type-abstract]
            adapt=preset(AdaptSettings, "adapt", adapt, {}),
            self_training=preset(SelfTrainingSettings, "self_training", self_training, {}),
            seed=seed,
            scratch=Path(),  # of each training
        )
        with progress_shown(shown=progress):
            return self._trained(pool, training, (weak or no_weak_labels(pool)).table)

    def _trained(self, pool: Pool, training: WeakTraining, table: WeakTable) -> TrainedClassifier:
        """The encoder with a new head, trained on these weak labels."""
        labels, texts = pool.prepared.labels, pool.texts.to_list()
        tokenizer = encoders.new_tokenizer(self.encoder, texts)
        head_seed = integer(training.seed, "head")
        model = encoders.new_classifier(self.encoder, self.hardware, labels, tokenizer, head_seed)

        def weak_targets(rows: Rows) -> tuple[Probs, np.ndarray]:
            probs = table.probs[rows]
            return probs, confidence_weights(probs)

        score = dev_score(model, pool, training.settings)
        with TemporaryDirectory() as scratch:
            here = replace(
                training,
                scratch=Path(scratch),
                dev_score=score,
                dev=dev_texts(model, pool),
                paths=ClassTree.of(labels).class_paths,
            )
            history, predicted = here.train(model, model.tokens(texts), table.used, weak_targets)
        folder = Path(mkdtemp(prefix="wsal-"))
        train_anew = partial(self._trained, pool, training) if training.settings.epochs else None
        trained = TrainedClassifier(model, pool, folder, history, table, train_anew)
        weakref.finalize(trained, shutil.rmtree, folder, ignore_errors=True)
        model.save(folder)
        if predicted is not None:
            predicted.save(folder)
        return trained


def dev_texts(model: encoders.Classifier, pool: Pool) -> tuple[Tokens, Classes] | None:
    """The texts of the dev split and their gold `(texts,)`; None if there is no such split."""
    dev = pool.prepared.dev
    if dev.is_empty():
        return None
    dev = dev.filter(pl.col("label") < len(pool.labels))  # others are parents
    return model.tokens(dev["text"].to_list()), dev["label"].to_numpy().astype(np.int64)


def dev_score(
    model: encoders.Classifier, pool: Pool, settings: OptimizerSettings
) -> Callable[[], float] | None:
    """What early stopping looks at: macro-F1 on the dev split. None if early stopping is off.

    Raises:
        ConfigError: early stopping is on, and there is no dev split.
    """
    if not settings.patience:
        return None
    dev = pool.prepared.dev
    if dev.is_empty():
        raise ConfigError("patience looks at the dev split, and this pool has none; use patience=0")
    tokens = model.tokens(dev["text"].to_list())
    gold, weights = gold_in(dev, len(pool.prepared.labels))

    def score() -> float:
        probs = predict(model, tokens, "measure on dev")[0]
        return float(evaluate(probs, gold, weights, pool.prepared.labels)["macro_f1"])

    return score
