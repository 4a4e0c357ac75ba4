"""Train the classifier on weak labels."""

from pathlib import Path

from wsal import processes
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.losses import Loss
from wsal.data.row_keys import keys_at
from wsal.labels import LabelSet
from wsal.llm.settings import LLMSettings
from wsal.rounds.frame_periods import period_names
from wsal.rounds.scoring import score_splits
from wsal.rounds.weak_training import train_on_weak_labels
from wsal.settings import EncoderSettings, HardwareSettings, TrackerSettings
from wsal.training_settings import AdaptSettings, PretrainSettings, SelfTrainingSettings


def pretrain(
    out: Path,
    *,
    pool: Artifact,
    tokens: Artifact,
    weak_labels: Artifact,
    encoder: EncoderSettings,
    adapt: AdaptSettings,
    loss: Loss,
    pretrain: PretrainSettings,
    self_training: SelfTrainingSettings,
    llm: LLMSettings | None = None,
    seed: int,
    hardware: HardwareSettings,
    tracker: TrackerSettings,
) -> Facts:
    """tokens, weak_labels.parquet -> a Hugging Face folder, metrics.json."""
    classifier, facts, predicted = train_on_weak_labels(
        out / CHECKPOINTS,
        pool=pool,
        tokens=tokens,
        weak_labels=weak_labels,
        encoder=encoder,
        adapt=adapt,
        loss=loss,
        pretrain=pretrain,
        self_training=self_training,
        llm=llm,
        seed=seed,
        hardware=hardware,
        tracker=tracker,
    )
    if not processes.is_leader():
        return {}
    classifier.save(out)
    if predicted is not None:
        predicted.save(out, keys_at(pool.path, "text_keys", "pool", predicted.rows))
    history, labels = facts.pop("history"), LabelSet.of_pool(pool.facts)
    facts |= period_names(pool.facts)
    return facts | score_splits(out, classifier, pool, tokens, labels, history)
