"""Train the classifier on weak labels."""

from dataclasses import replace
from pathlib import Path

from wsal import processes
from wsal.artifacts import CHECKPOINTS, Artifact, Facts
from wsal.classifier.encoder import load_tokenizer, new_classifier
from wsal.classifier.losses import Loss
from wsal.classifier.tokens import read_tokens
from wsal.labels import LabelSet
from wsal.llm.settings import LLMSettings
from wsal.rounds.answered import answered_rows
from wsal.rounds.pretraining import WeakTraining
from wsal.rounds.scoring import dev_score, score_splits
from wsal.rounds.weak_labels import usable, weak_targets
from wsal.seeding import integer
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
    labels = LabelSet(tuple(pool.facts["labels"]))
    tokenizer = load_tokenizer(str(tokens.path / "tokenizer"))
    classifier = new_classifier(encoder, hardware, labels, tokenizer, integer(seed, "head"))
    scratch = out / CHECKPOINTS
    training = WeakTraining(
        settings=pretrain,
        loss=loss,
        adapt=adapt,
        self_training=self_training,
        seed=seed,
        scratch=scratch,
        dev_score=dev_score(classifier, pool, tokens, labels, pretrain),
        tracker=tracker,
        answer_settings=replace(pretrain, epochs=llm.epochs, lr=llm.lr) if llm else None,
    )
    facts, predicted = training.train(
        classifier,
        read_tokens(tokens.path / "pool"),
        usable(weak_labels),
        lambda rows: weak_targets(weak_labels, rows, scratch / "pretrain"),
        answered_rows(weak_labels),
    )
    if not processes.is_leader():
        return {}
    classifier.save(out)
    if predicted is not None:
        predicted.save(out)
    history = facts.pop("history")
    return facts | score_splits(out, classifier, pool, tokens, labels, history)
