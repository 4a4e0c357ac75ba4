"""Train the classifier on weak labels, where a text may have several classes."""

from pathlib import Path
from typing import Any

from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.labels import LabelSet
from wsal.rounds.multilabel_training import score_splits, train_on_weak_labels
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import PretrainSettings


def pretrain(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    encoder: EncoderSettings,
    pretrain: PretrainSettings,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
    **_: Any,  # noqa: ANN401
) -> Facts:
    """tokens, weak_labels.parquet -> a Hugging Face folder, metrics.json."""
    classifier, facts = train_on_weak_labels(
        out / CHECKPOINTS,
        pool=pool,
        tokens=tokens,
        weak_labels=weak_labels,
        encoder=encoder,
        pretrain=pretrain,
        seed=seed,
        hardware=hardware,
        tracker=tracker,
    )
    classifier.save(out)
    history, labels = facts.pop("history"), LabelSet.of_pool(pool.facts)
    return facts | score_splits(out, classifier, pool, tokens, labels, history)
